"""IA3 (Liu et al. 2022, https://arxiv.org/abs/2205.05638): trained factors for keys, values and activations."""

from foreword_methods.ia3.method import IA3

__all__ = ["IA3"]
