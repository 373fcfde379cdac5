"""Muon and AdamW as one optimizer: who gets what, schedules, and going on from a saved state."""

from __future__ import annotations

import copy

import pytest
import torch

from recsys.llm.optimizer import CombinedOptimizer, muon_adamw, named_rates

RATES = {"rate": 0.02, "other_rate": 0.03, "weight_decay": 0.1}


class Small(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = torch.nn.Embedding(7, 4)
        self.layers = torch.nn.ModuleList([torch.nn.Linear(4, 6), torch.nn.Linear(6, 4)])

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        hidden = self.table(ids)
        for layer in self.layers:
            hidden = torch.tanh(layer(hidden))
        return hidden @ self.table.weight.T


def train(model: Small, optimizer: torch.optim.Optimizer, steps: int, first: int = 0) -> list[float]:
    losses = []
    for step in range(first, first + steps):
        ids = torch.arange(7) if step % 2 else torch.arange(7).flip(0)
        loss = torch.nn.functional.cross_entropy(model(ids), (ids + 1) % 7)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


needs_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")


@needs_muon
def test_matrices_of_the_layers_are_muons_and_the_rest_adamws():
    model = Small()
    optimizer = muon_adamw(model, "layers.", **RATES)
    muon, adamw = optimizer.parts
    assert named_rates(optimizer) == "Muon 0.02, AdamW 0.03"
    assert [p.shape for g in muon.param_groups for p in g["params"]] == [(6, 4), (4, 6)]
    assert {id(p) for p in model.parameters()} == {id(p) for g in optimizer.param_groups for p in g["params"]}
    assert sum(p.numel() for g in adamw.param_groups for p in g["params"]) == 7 * 4 + 6 + 4
    losses = train(model, optimizer, 60)
    assert losses[-1] < 0.5 * losses[0]


@needs_muon
def test_going_on_from_a_saved_state_is_going_on():
    whole = Small()
    losses = train(whole, muon_adamw(whole, "layers.", **RATES), 8)
    model = Small()
    optimizer = muon_adamw(model, "layers.", **RATES)
    assert train(model, optimizer, 5) == losses[:5]
    resumed, saved = copy.deepcopy(model), copy.deepcopy(optimizer.state_dict())
    again = muon_adamw(resumed, "layers.", **RATES)
    again.load_state_dict(saved)
    assert train(resumed, again, 3, first=5) == losses[5:]


@needs_muon
def test_a_schedule_reaches_the_parts_also_after_loading():
    model = Small()
    optimizer = muon_adamw(model, "layers.", **RATES)
    assert isinstance(optimizer, CombinedOptimizer)
    optimizer.load_state_dict(optimizer.state_dict())
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    optimizer.step()
    schedule.step()
    assert [g["lr"] for part in optimizer.parts for g in part.param_groups] == [0.01, 0.015]


def test_an_older_torch_trains_with_adamw_and_says_so(monkeypatch, caplog):
    monkeypatch.delattr(torch.optim, "Muon", raising=False)
    model = Small()
    optimizer = muon_adamw(model, "layers.", **RATES)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert "has no Muon" in caplog.text
    assert named_rates(optimizer) == "AdamW 0.001"
    losses = train(model, optimizer, 20)
    assert losses[-1] < losses[0]
