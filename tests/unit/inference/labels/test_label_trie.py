from __future__ import annotations

from foreword.inference.labels import label_trie
from foreword.inference.labels.label_trie import LabelTrie, build_tries


def test_a_trie_shares_beginnings_and_follows_a_sequence_until_it_leaves():
    trie = LabelTrie([[5, 6, 2], [5, 7, 2], [5, 2]])
    assert trie.ids_N.tolist() == [5, 6, 7]
    assert trie.depth_N.tolist() == [1, 2, 2]
    assert trie.visible_NN().tolist() == [[True, False, False], [True, True, False], [True, False, True]]
    assert trie.leave([[5, 7, 9, 2], [8, 2]]) == [(3, 9), (0, 8)]


def test_trees_hold_all_sequences_in_order_within_their_size(monkeypatch):
    monkeypatch.setattr(label_trie, "MAX_NODES", 10)
    sequences = [[number, number + 1, 2] for number in range(10, 40)]
    tries = build_tries(sequences)
    assert sum(trie.size for trie in tries) == len(sequences)
    assert all(len(trie) <= 10 for trie in tries)


def test_sorted_sequences_share_all_their_beginnings():
    sequences = sorted([first, second, third, 2] for first in (5, 6) for second in (7, 8) for third in (9, 10))
    [trie] = build_tries(sequences)
    assert len(trie) == 2 + 4 + 8
    depths, visible_NN = trie.depth_N, trie.visible_NN()
    assert visible_NN.sum(dim=1).tolist() == depths.tolist(), "a node sees one node of each depth up to its own"
    assert (visible_NN.long() @ trie.ids_N.long()).tolist()[:3] == [5, 5 + 7, 5 + 7 + 9]
