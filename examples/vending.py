"""Two vending machines: one lets the customer choose, the other chooses itself.

csp run examples/vending.py                                      everybody is served
csp run examples/vending.py --arg whim=yes                       a deadlock, and you are told
csp run examples/vending.py --arg whim=yes --arg easy=yes        everybody is served

    customer --coin-->[         ]--tea-----> customer
                      [ machine ]--coffee--> customer

What it teaches: external and internal choice.  The good machine offers tea and coffee, and the customer's
choice decides: an alternation (in CSP: tea [] coffee).  The other one decides by a whim which of them it
offers, and sends that (tea |~| coffee); a customer who waits for the other drink waits for ever.  From
outside both give the same drinks.  Traces do not show the difference, refusals do: a machine by whim may
refuse what the good one never refuses.  An easy customer takes whatever comes, and is safe with both.

Source: C. A. R. Hoare, Communicating Sequential Processes (1985), 1.1.3 and chapter 3.
"""

import random

from csp import Alternation, Channel, Par, Receiver, Sender, process


@process
async def machine(coin: Receiver[int], tea: Sender[str], coffee: Sender[str]) -> None:
    """The customer chooses."""
    drinks = Alternation(tea.offer(lambda: "tea"), coffee.offer(lambda: "coffee"))
    async for _ in coin:
        await drinks.select()


@process
async def machine_by_whim(coin: Receiver[int], tea: Sender[str], coffee: Sender[str]) -> None:
    """The machine chooses."""
    dice = random.Random(1)
    async for _ in coin:
        if dice.random() < 0.5:
            await tea.send("tea")
        else:
            await coffee.send("coffee")


@process
async def tea_drinker(
    cups: int, coin: Sender[int], tea: Receiver[str], coffee: Receiver[str]
) -> list[str]:
    drunk: list[str] = []
    for _ in range(cups):
        await coin.send(1)
        drunk.append(await tea.receive())
    return drunk


@process
async def easy_customer(
    cups: int, coin: Sender[int], tea: Receiver[str], coffee: Receiver[str]
) -> list[str]:
    drunk: list[str] = []
    either = Alternation(tea, coffee)
    for _ in range(cups):
        await coin.send(1)
        drunk.append((await either.select()).value)
    return drunk


async def main(whim: bool = False, easy: bool = False, cups: int = 8) -> list[str]:
    """What the customer drank."""
    coin, tea, coffee = (
        Channel(int, name="coin"),
        Channel(str, name="tea"),
        Channel(str, name="coffee"),
    )
    make = machine_by_whim if whim else machine
    customer = easy_customer if easy else tea_drinker
    _, drunk = await Par(
        make(coin.receiver(), tea.sender(), coffee.sender()),
        customer(cups, coin.sender(), tea.receiver(), coffee.receiver()),
    )
    return drunk
