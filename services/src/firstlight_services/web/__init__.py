"""What the services share: context, authentication, errors, serving."""

from firstlight_services.web.application import Lifespan, Route, ServiceApplication
from firstlight_services.web.auth import Person, TokenChecker, tokens_in_header
from firstlight_services.web.context import ServiceContext, SharedSettings, load_context
from firstlight_services.web.errors import Kind, ServiceError
from firstlight_services.web.handlers import (
    HealthHandler,
    NotFoundHandler,
    ServiceHandler,
    from_exception,
)
from firstlight_services.web.serve import parse_state_dir, run_service

__all__ = [
    "HealthHandler",
    "Kind",
    "Lifespan",
    "NotFoundHandler",
    "Person",
    "Route",
    "ServiceApplication",
    "ServiceContext",
    "ServiceError",
    "ServiceHandler",
    "SharedSettings",
    "TokenChecker",
    "from_exception",
    "load_context",
    "parse_state_dir",
    "run_service",
    "tokens_in_header",
]
