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
        self._planned: dict[int, dict[str, Any]] = {}

    def reseed_rng(self) -> None:
        self._sampler.reseed_rng()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return what the other sampler proposes at once, moved where it would leave nothing valid."""
        proposed = self._sampler.sample_relative(study, trial, search_space)
        decided: dict[str, int] = {}
        for name in self._space.holes:
            if name in proposed:
                decided[name] = self._moved(name, proposed[name], decided)
        self._planned[trial.number] = decided
        return {**proposed, **decided}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return what the other sampler proposes for one parameter, moved where it would leave nothing valid."""
        proposed = self._sampler.sample_independent(study, trial, param_name, param_distribution)
        if param_name not in self._space.holes:
            return proposed
        known = {**self._planned.get(trial.number, {}), **trial.params}
        return self._moved(param_name, proposed, {n: v for n, v in known.items() if n in self._space.holes})

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._sampler.before_trial(study, trial)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        self._planned.pop(trial.number, None)
        self._sampler.after_trial(study, trial, state, values)

    def _moved(self, name: str, proposed: Any, decided: dict[str, int]) -> int:
        possible = self._space.domains(decided)[name]
        if not possible:
            raise NetworkError(f"no valid architecture is left with {decided}: let the trial take every value from "
                               f"this sampler")  # fmt: skip
        ranks = {value: i for i, value in enumerate(self._space.holes[name])}
        return min(possible, key=lambda value: abs(ranks[value] - ranks.get(proposed, 0)))
