"""Optuna's samplers, with every trial valid."""

from __future__ import annotations

import pytest

import convsolve as cs

optuna = pytest.importorskip("optuna")


@pytest.mark.parametrize(("kind", "trials"), [("random", 50), ("tpe", 300), ("multivariate", 50)])
def test_every_trial_is_valid(kind, trials):
    from convsolve.space.optuna import ValidSampler

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    inner = {
        "random": lambda: optuna.samplers.RandomSampler(seed=0),
        "tpe": lambda: optuna.samplers.TPESampler(seed=0, n_startup_trials=5),
        "multivariate": lambda: optuna.samplers.TPESampler(seed=0, n_startup_trials=5, multivariate=True),
    }[kind]()
    space = cs.Space(cs.load("problems/unet_search.yaml"))

    def objective(trial):
        trial.suggest_float("rate", 0.0, 1.0)
        values = {
            name: trial.suggest_categorical(name, list(options)) for name, options in reversed(space.holes.items())
        }
        assert values in space
        return int(space.evaluate([values]).macs[0])

    def blind(trial):
        values = {name: trial.suggest_categorical(name, list(options)) for name, options in space.holes.items()}
        return int(space.evaluate([values]).valid[0])

    study = optuna.create_study(sampler=ValidSampler(space, inner))
    study.optimize(objective, n_trials=trials)
    assert len(study.trials) == trials and all(
        trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials
    )
    unaided = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    unaided.optimize(blind, n_trials=25)
    assert sum(trial.value for trial in unaided.trials) < 15
