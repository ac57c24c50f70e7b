"""The words of short codes: 256, each known by its first three letters, none within two typing errors of another."""

_TEXT = """
acorn adobe agent album alpine amber anchor ankle anvil apron arctic aspen atlas avocado badge
bamboo banjo barley basil beacon bicycle biscuit blanket blossom bonfire bottle boulder breeze
bubble bucket buffalo burger button cabbage cactus camel canoe captain carbon castle cavern cedar
cello chalk cheese chimney cinema circus clover cobra coconut coffee compass copper coyote cradle
cricket crystal cupcake cushion cymbal daisy dancer delta denim desert diamond diesel dolphin
domino donkey dragon drummer dynamo eagle echo eclipse elbow emerald engine estuary fabric falcon
farmer feather flute forest fossil freckle funnel furnace galaxy garage gazelle geyser giraffe
glacier goose granite guitar hammock harvest helmet hiccup horizon hotel hurdle husky iceberg igloo
indigo insect iris island jaguar jasmine jewel jigsaw journal jungle kayak ketchup kimono kiosk
kitchen kiwi koala lagoon lantern laptop lemon leopard lettuce library lilac linen lizard lobster
lotus lyric magnet mammoth marble meadow mercury meteor mirror mitten mosaic muffin museum napkin
nectar needle nephew neutron nickel nougat nugget nutmeg nylon ocean octopus olive onion opal opera
orange orbit orchid ostrich otter oxygen paddle palace panda paper parrot pastry peanut pelican
pencil piano pickle pigeon pillow pirate plaza polka poncho popcorn potato prairie pretzel pulley
pumpkin puppet puzzle pyramid quarry quilt rabbit raccoon radish rainbow ranch recipe ribbon river
robin rubber saffron salad satchel scarf scooter seesaw shelter slipper snorkel soccer spaniel
spider sponge stable sugar summit sunset swallow syrup tadpole teapot temple tennis thimble thunder
tractor trumpet tulip tundra tuxedo vacuum vessel viking violin voyage waffle walnut window wombat
yacht yeti yogurt zenith zigzag zodiac
"""
WORDS = tuple(_TEXT.split())
