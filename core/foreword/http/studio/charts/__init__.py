"""Figures as SVG, drawn without a script.

- The outer `<svg class="chart">` is the plotting area. Style sheets set its size; labels stand outside of it.
- Points, ticks and labels are placed in per cent, so that text keeps its size. Curves lie in an inner `<svg>` of 1000 x
  1000 units that is stretched.
- Colours are classes, so that theme and printer decide what they look like.
"""
