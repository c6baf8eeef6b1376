"""The checks of the exercises: a file a session, a function an exercise."""
