"""What the services share: context, who asks, errors, serving."""

from firstlight_services.web.auth import Person, TokenChecker, tokens_in_header
from firstlight_services.web.context import (
    Runtime,
    ServiceContext,
    ServiceSettings,
    load_context,
)
from firstlight_services.web.errors import Kind, ServiceError, from_exception
from firstlight_services.web.handlers import HealthHandler, NotFoundHandler, ServiceHandler
from firstlight_services.web.serve import Hook, Route, make_app, parse_state_dir, run_service

__all__ = [
    "HealthHandler",
    "Hook",
    "Kind",
    "NotFoundHandler",
    "Person",
    "Route",
    "Runtime",
    "ServiceContext",
    "ServiceError",
    "ServiceHandler",
    "ServiceSettings",
    "TokenChecker",
    "from_exception",
    "load_context",
    "make_app",
    "parse_state_dir",
    "run_service",
    "tokens_in_header",
]
