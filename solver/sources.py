"""The papers that formulas, settings and claims come from: each defined once, and named in full beside its key."""

from __future__ import annotations

import re

import msgspec


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A paper or a talk."""

    key: str
    """What short notes call it, as in A19; or the names and year by which they do."""
    authors: str
    year: int
    title: str
    where: str
    """An arXiv number, or where it appeared."""
    short: str = ""
    """How a sentence names it; authors and year unless given."""

    def cited(self, place: str = "") -> str:
        """As a claim cites it: *Arora et al. 2019 (arXiv 1905.13655), Theorem 3*."""
        named = f"{self.short or f'{self.authors} {self.year}'} ({self.where})"
        return f"{named}, {place}" if place else named

    def whole(self) -> str:
        """So that a reader finds it: authors, year, title, and where."""
        return f"{self.authors} ({self.year}), {self.title}, {self.where}"


A19 = Source(
    key="A19",
    authors="Arora, Cohen, Hu, Luo",
    year=2019,
    title="Implicit Regularization in Deep Matrix Factorization",
    where="arXiv 1905.13655",
    short="Arora et al. 2019",
)
R20 = Source(
    key="R20",
    authors="Razin, Cohen",
    year=2020,
    title="Implicit Regularization in Deep Learning May Not Be Explainable by Norms",
    where="arXiv 2005.06398",
)
R21 = Source(
    key="R21",
    authors="Razin, Maman, Cohen",
    year=2021,
    title="Implicit Regularization in Tensor Factorization",
    where="arXiv 2102.09972",
)
R22 = Source(
    key="R22",
    authors="Razin, Maman, Cohen",
    year=2022,
    title="Implicit Regularization in Hierarchical Tensor Factorization and Deep Convolutional Neural Networks",
    where="arXiv 2201.11729",
)
C21 = Source(
    key="C21",
    authors="Cohen, Kaur, Li, Kolter, Talwalkar",
    year=2021,
    title="Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability",
    where="arXiv 2103.00065",
    short="Cohen, Kaur et al. 2021",
)
L21 = Source(
    key="L21",
    authors="Li, Luo, Lyu",
    year=2021,
    title="Towards Resolving the Implicit Bias of Gradient Descent for Matrix Factorization: Greedy Low-Rank Learning",
    where="arXiv 2012.09839",
)
M20 = Source(
    key="M20",
    authors="Mulayoff, Michaeli",
    year=2020,
    title="Unique Properties of Flat Minima in Deep Networks",
    where="arXiv 2002.04710",
)
J20 = Source(
    key="J20",
    authors="Jing, Zbontar, LeCun",
    year=2020,
    title="Implicit Rank-Minimizing Autoencoder",
    where="arXiv 2010.00679",
)
G17 = Source(
    key="G17",
    authors="Gunasekar, Woodworth, Bhojanapalli, Neyshabur, Srebro",
    year=2017,
    title="Implicit Regularization in Matrix Factorization",
    where="arXiv 1705.09280",
    short="Gunasekar et al. 2017",
)
K09 = Source(
    key="K09",
    authors="Koren, Bell, Volinsky",
    year=2009,
    title="Matrix Factorization Techniques for Recommender Systems",
    where="Computer 42(8)",
)
Y07 = Source(
    key="Y07",
    authors="Yao, Rosasco, Caponnetto",
    year=2007,
    title="On Early Stopping in Gradient Descent Learning",
    where="Constructive Approximation 26(2)",
)
SOURCES = (
    A19,
    R20,
    R21,
    R22,
    C21,
    L21,
    M20,
    J20,
    G17,
    K09,
    Y07,
    Source(
        key="the talk",
        authors="Cohen",
        year=2021,
        title="Implicit Regularization in Deep Learning: Lessons Learned from Matrix and Tensor Factorization",
        where="talk",
    ),
    Source(
        key="Roy & Vetterli 2007",
        authors="Roy, Vetterli",
        year=2007,
        title="The Effective Rank: A Measure of Effective Dimensionality",
        where="15th European Signal Processing Conference",
    ),
    Source(
        key="Kingma & Ba 2015",
        authors="Kingma, Ba",
        year=2015,
        title="Adam: A Method for Stochastic Optimization",
        where="arXiv 1412.6980",
    ),
    Source(
        key="Candès & Recht 2008",
        authors="Candès, Recht",
        year=2008,
        title="Exact Matrix Completion via Convex Optimization",
        where="arXiv 0805.4471",
    ),
)
KEYS = re.compile(r"\b[A-Z]\d\d\b")
"""What a key of a paper looks like in a note."""


def named_in(text: str) -> list[Source]:
    """The sources that a text names, by key or by where they are."""
    return [
        source
        for source in SOURCES
        if re.search(rf"(?<!\w){re.escape(source.key)}(?!\w)", text)
        or (source.where != "talk" and source.where in text)
    ]


def explained(text: str) -> str:
    """The text with every paper that it names by a key written out after it."""
    told = [f"{source.key}: {source.whole()}" for source in named_in(text) if source.key in text]
    return f"{text} [{'; '.join(told)}]" if told else text
