"""Settings of how persons are kept."""

from __future__ import annotations

from recsys._setting_names import Section


class PrivacySettings(Section):
    """How persons are kept; an artifacts directory begins with both and goes on with them."""

    pseudonyms: bool = False
    """Keep keyed hashes instead of user ids; the key, at least 32 characters, is in ``RECSYS_ID_KEY``."""
    encrypt: bool = False
    """Encrypt what is kept of persons (extra ``vault``); the key, as long, is in ``RECSYS_VAULT_KEY``."""
