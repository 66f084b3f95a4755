"""The Flask extensions of the web application. A worker does without them, and without the memory that they take."""

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_wtf import CSRFProtect

migrate = Migrate()
csrf = CSRFProtect()
login = LoginManager()
limiter = Limiter(get_remote_address, headers_enabled=True, key_prefix="webhooks")
