"""How solver/data/films.csv was made: invented viewers and films, three tastes, what each adds, and noise."""

from __future__ import annotations

import random

SEED = 1
MEAN, OF_VIEWERS, OF_FILMS, NOISE, SEEN = 3.2, 0.45, 0.45, 0.45, 0.45
"""The mean; standard deviations of what viewers and films add and of the noise; the share of entries that is given."""
TASTES = (0.70, 0.56, 0.42)
"""The scale of each of the three products of a viewer's and a film's standard normal numbers."""

_FIRST = (
    "Ada Amir Anna Anton Astrid Bao Beatriz Ben Birgit Carlos Chen Clara Daiki Dana David Delia Diego Dina Edgar Elif "
    "Elisa Emil Esra Fatima Felix Fiona Franz Gabriel Greta Hana Hans Hugo Ida Igor Ines Ivan Jana Jonas Jorge Julia "
    "Kaan Karin Kemal Klara Kofi Lars Laura Leila Leo Lin Lucia Luis Magda Malik Maria Marco Mei Mila Mira Nadia Nils "
    "Noah Nora Olga Omar Oskar Paula Pedro Petra Piotr Rana Rita Rosa Ruth Samir Sara Selma Sofia Stefan Svea Tariq "
    "Tomas Uma Vera Viktor Wei Yara Yusuf Zara Zoe"
)
_ADJECTIVES = ("Broken", "Crimson", "Distant", "Electric", "Golden", "Hollow", "Paper", "Silent", "Velvet", "Winter")
_NOUNS = ("Empire", "Garden", "Harbour", "Orchard", "Signal", "Waltz")
VIEWERS = sorted(_FIRST.split(" "))
FILMS = sorted(f"{adjective} {noun}" for adjective in _ADJECTIVES for noun in _NOUNS)


def table() -> str:
    """The file: stars from a half to five, in halves."""
    generator = random.Random(SEED)
    viewers = [generator.gauss(0, OF_VIEWERS) for _ in VIEWERS]
    films = [generator.gauss(0, OF_FILMS) for _ in FILMS]
    left = [[generator.gauss(0, 1) for _ in VIEWERS] for _ in TASTES]
    right = [[generator.gauss(0, 1) for _ in FILMS] for _ in TASTES]
    lines = ["viewer,film,stars"]
    for i, viewer in enumerate(VIEWERS):
        for j, film in enumerate(FILMS):
            tastes = sum(scale * u[i] * v[j] for scale, u, v in zip(TASTES, left, right, strict=True))
            liked = MEAN + viewers[i] + films[j] + tastes + generator.gauss(0, NOISE)
            stars = min(5.0, max(0.5, round(2 * liked) / 2))
            if generator.random() < SEEN:
                lines.append(f"{viewer},{film},{stars:g}")
    return "\n".join(lines) + "\n"
