"""Slack's checks of Block Kit: the shapes, lengths and counts of blocks, elements and views."""

from foreword_slack.testing.block_kit.blocks import MESSAGE_BLOCKS, VIEW_BLOCKS, check_blocks
from foreword_slack.testing.block_kit.ids import with_ids
from foreword_slack.testing.block_kit.views import check_view

__all__ = ["MESSAGE_BLOCKS", "VIEW_BLOCKS", "check_blocks", "check_view", "with_ids"]
