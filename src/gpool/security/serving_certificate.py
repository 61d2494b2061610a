"""The certificate that a server shows, taken up again when its files change: no restart, no connection lost."""

import ssl
from datetime import datetime
from pathlib import Path

from gpool.errors import CannotStart, GpoolError
from gpool.security.authority import Description, describe

__all__ = ["ServingCertificate"]


class ServingCertificate:
    """Two files, and the TLS context that shows what is in them.

    Raises `CannotStart` when they cannot be used.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._seen = self._state()
        self._loaded = self._load()
        self.description = self._describe()
        # Connections begin with this one and go on with the one that is loaded then. (Loading another chain into a
        # context would leave the first one there, when their keys are of different kinds.)
        self.context = self._load()
        self.context.sni_callback = self._choose

    @property
    def file(self) -> Path:
        """Where the certificate is."""
        return self._files[0]

    @property
    def expires_at(self) -> datetime:
        """When the certificate that is shown expires."""
        return self.description.expires_at

    def reload(self) -> bool:
        """Show what is in the files now; False when they have not changed.

        Raises `CannotStart` when they cannot be used; what was shown is then shown on.
        """
        now = self._state()
        if now == self._seen:
            return False
        self._loaded, self.description = self._load(), self._describe()
        self._seen = now
        return True

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._loaded

    def _state(self) -> tuple[tuple[int, int, int], ...]:
        found = []
        for path in self._files:
            try:
                status = path.stat()
            except OSError as error:
                raise CannotStart(
                    f"{path} cannot be read ({error.strerror}); check --tls-cert and --tls-key"
                ) from error
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return tuple(found)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        certificate, key = self._files
        try:
            # A password would be asked for on the terminal.
            context.load_cert_chain(certificate, key, password=lambda: "")
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror or str(error)
            raise CannotStart(
                f"{certificate} and {key} are no certificate with its key ({reason}); both must be PEM, the key "
                "without a password and of this certificate"
            ) from error
        return context

    def _describe(self) -> Description:
        try:
            return describe(self._files[0].read_text())
        except (OSError, UnicodeDecodeError, GpoolError) as error:
            raise CannotStart(f"{self._files[0]} cannot be understood ({error}); it must be PEM") from error
