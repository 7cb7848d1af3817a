"""A static web server on loopback for a repository, which can also be gone."""

import shutil
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any


class WebServer:
    """Serves the files of `folder`, which may be another one at the next request, always at `url`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gone_in: str = ""
        """A part of a path: in the middle of the next answer for one like it, the server goes."""
        self.dates = True
        """Whether an answer tells its Date."""
        self.page = b""
        """What everybody is given instead of any file, as by a network that wants a login; empty: the files."""
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.come()
        self.url = f"http://127.0.0.1:{self._port}"

    def come(self) -> None:
        """Begin to listen, unless it does."""
        if self._server is None:
            self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler)
            self._port = self._server.server_port
            Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def go(self) -> None:
        """Refuse connections from now on."""
        server, self._server = self._server, None
        if server:
            server.shutdown()
            server.server_close()

    def _handler(self, *arguments: Any) -> "_Handler":
        return _Handler(self, *arguments)


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, web: WebServer, *arguments: Any) -> None:
        self._web = web
        super().__init__(*arguments, directory=str(web.folder))

    def do_GET(self) -> None:
        if not self._web.page:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(self._web.page)))
        self.end_headers()
        self.wfile.write(self._web.page)

    def send_header(self, keyword: str, value: str) -> None:
        if keyword != "Date" or self._web.dates:
            super().send_header(keyword, value)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        if self._web.gone_in and self._web.gone_in in self.path:
            self._web.gone_in = ""
            content = source.read()
            outputfile.write(content[: len(content) // 2])
            outputfile.flush()
            self._web.go()
        else:
            shutil.copyfileobj(source, outputfile)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the base class gives it
        pass
