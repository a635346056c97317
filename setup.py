"""What pyproject.toml cannot say: recipes, demonstrations and published numbers are installed in the package."""

from setuptools import find_packages, setup

MAPPED = {"zoo.reproductions": "reproductions", "zoo.published": "results"}

setup(
    packages=[*find_packages(include=["zoo", "zoo.*"]), *MAPPED],
    package_dir=MAPPED,
    package_data={
        "zoo.leaderboard": ["webpage/*", "webpage/vendor/*"],
        "zoo.reproductions": ["*/*.yaml", "*/*.npz"],
        "zoo.published": ["published.csv", "imitation/published.csv"],
    },
)
