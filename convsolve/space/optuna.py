"""For Optuna: a sampler that lets any other sampler propose, and keeps every trial valid.

Imported by whoever uses it, since it needs the extra ``optuna``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from ..errors import NetworkError
from .decisions import Decisions
from .space import Space

__all__ = ["ValidSampler"]


class ValidSampler(BaseSampler):
    """Proposes what another sampler proposes, or the nearest value with which a valid architecture is left.

    Trials suggest the holes of the space by name, in any order; other parameters are left to the other sampler.

    Args:
        space: the space.
        sampler: who proposes; by default at random.

    >>> import convsolve as cs, optuna
    >>> space = cs.Space(cs.parse('''
    ... input: [1, 28, 28]
    ... layers: [{conv: {out_channels: 8, kernel_size: 3..30, stride: 1 | 2 | 4}}, {max_pool: {kernel_size: 2..9}}]
    ... require: [output.height == 4]
    ... '''))
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> study = optuna.create_study(sampler=ValidSampler(space, optuna.samplers.TPESampler(seed=0)))
    >>> def objective(trial):
    ...     values = {name: trial.suggest_categorical(name, list(options)) for name, options in space.holes.items()}
    ...     return cs.check(space.network(values)).macs
    >>> study.optimize(objective, n_trials=20)
    >>> all(trial.params in space for trial in study.trials)
    True
    """

    def __init__(self, space: Space, sampler: BaseSampler | None = None) -> None:
        self._space = space
        self._sampler = sampler if sampler is not None else RandomSampler()
        self._trials: dict[int, Decisions] = {}

    def reseed_rng(self) -> None:
        self._sampler.reseed_rng()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return what the other sampler proposes at once, moved where it would leave nothing valid."""
        proposed = self._sampler.sample_relative(study, trial, search_space)
        own = {name: self._moved(trial, name, proposed[name]) for name in self._space.holes if name in proposed}
        return {**proposed, **own}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return what the other sampler proposes for one parameter, moved where it would leave nothing valid."""
        proposed = self._sampler.sample_independent(study, trial, param_name, param_distribution)
        return self._moved(trial, param_name, proposed) if param_name in self._space.holes else proposed

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._sampler.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._trials.pop(trial.number, None)
        self._sampler.after_trial(study, trial, state, values)

    def _moved(self, trial: FrozenTrial, name: str, proposed: Any) -> int:
        decisions = self._trials.get(trial.number)
        set_by_others = {n: v for n, v in trial.params.items() if n in self._space.holes}
        if decisions is None or not set_by_others.items() <= decisions.values.items():
            known = {**(decisions.values if decisions else {}), **set_by_others}
            decisions = self._trials[trial.number] = self._space.decisions(known)
        ranks = {value: i for i, value in enumerate(self._space.holes[name])}
        for value in sorted(ranks, key=lambda value: abs(ranks[value] - ranks.get(proposed, 0))):
            if decisions.decide(name, value):
                return value
        raise NetworkError(
            f"no valid architecture is left with {decisions.values}: let the trial take every value from this sampler"
        )
