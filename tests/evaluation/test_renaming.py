"""Methods, pictures and data sets under other names."""

from esrgan.evaluation.renaming import renamed, renaming
from esrgan.evaluation.results import Results


def test_other_names_in_tables(results: Results, refused) -> None:
    names = {"runs/g.pth": "Ours", "a_1": "Fig. 1", "S": "Set 5"}
    new = renaming(names, ["HR", "g", "p"], ["a_1.png", "b.png", "S"])
    assert new == {"g": "Ours", "a_1.png": "Fig. 1", "S": "Set 5"}
    ((name, shown),) = renamed({"S": results}, new).items()
    assert name == "Set 5"
    assert {score.model for score in shown.scores} == {"HR", "p–Ours"}
    assert {score.picture for score in shown.scores} == {"Fig. 1", "b.png"}
    with refused("called 'x.pth'"):
        renaming({"x.pth": "X"}, ["g"], [])
