"""The dashboards: Serving SLO, HTTP, Experiments, Tenants and cost, Routing quality, Slack health."""

from typing import Final

from panels import Dashboard

from dashboards.experiments import EXPERIMENTS
from dashboards.http import HTTP
from dashboards.routing import ROUTING
from dashboards.serving import SERVING
from dashboards.slack import SLACK
from dashboards.tenants import TENANTS

DASHBOARDS: Final[tuple[Dashboard, ...]] = (SERVING, HTTP, EXPERIMENTS, TENANTS, ROUTING, SLACK)
