"""Wrong wiring: refused by the checkers, and by csp before anything runs."""

from csp import Call, Channel, Receiver, Sender, process


class Animal: ...


class Cat(Animal): ...


@process
async def put(out: Sender[int]) -> None: ...


@process
async def take(inp: Receiver[int]) -> None: ...


@process
async def take_all(inputs: list[Receiver[int]]) -> None: ...


@process
async def merge(*inputs: Receiver[int]) -> None: ...


@process
async def cats_out(out: Sender[Cat]) -> None: ...


@process
async def cats_in(inp: Receiver[Cat]) -> None: ...


@process
async def animals_out(out: Sender[Animal]) -> None: ...


@process
async def animals_in(inp: Receiver[Animal]) -> None: ...


@process
async def ask(calls: Sender[Call[int, str]]) -> None: ...


@process
async def either(inp: Receiver[int | str]) -> None: ...


def accepted() -> None:
    put(Channel(int).sender()).close()
    take(inp=Channel(int).receiver()).close()
    take_all([Channel(int).receiver(), Channel(int).receiver()]).close()
    merge(Channel(int).receiver(), Channel(int).receiver()).close()
    cats_out(Channel(Cat).sender()).close()
    cats_out(Channel(Animal).sender()).close()
    animals_in(Channel(Animal).receiver()).close()
    animals_in(Channel(Cat).receiver()).close()
    ask(Channel(Call[int, str]).sender()).close()
    either(Channel(int).receiver()).close()
    either(Channel[int | str]().receiver()).close()


def the_wrong_direction_to_send() -> None:
    put(Channel(int).receiver())  # refused


def the_wrong_direction_to_receive() -> None:
    take(Channel(int).sender())  # refused


def the_wrong_direction_in_a_list() -> None:
    take_all([Channel(int).sender()])  # refused


def the_wrong_direction_among_many() -> None:
    merge(Channel(int).receiver(), Channel(int).sender())  # refused


def the_wrong_direction_by_name() -> None:
    take(inp=Channel(int).sender())  # refused


def the_wrong_type_to_send() -> None:
    put(Channel(str).sender())  # refused


def the_wrong_type_to_receive() -> None:
    take(Channel(str).receiver())  # refused


def the_wrong_type_in_a_list() -> None:
    take_all([Channel(str).receiver()])  # refused


def the_wrong_type_among_many() -> None:
    merge(Channel(int).receiver(), Channel(bytes).receiver())  # refused


def a_wider_type_to_receive() -> None:
    cats_in(Channel(Animal).receiver())  # refused


def a_narrower_type_to_send() -> None:
    animals_out(Channel(Cat).sender())  # refused


def a_union_where_one_is_wanted() -> None:
    take(Channel[int | str]().receiver())  # refused


def the_wrong_reply() -> None:
    ask(Channel(Call[int, bytes]).sender())  # refused


def the_wrong_request() -> None:
    ask(Channel(Call[bytes, str]).sender())  # refused


def a_channel_instead_of_an_end() -> None:
    put(Channel(int))  # refused
