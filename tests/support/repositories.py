"""A repository as its maintainer makes it, with packages that hold nothing, and a web server for it on loopback."""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

PROGRAM = Path(__file__).parents[2] / "debian/repository"
KEYRING = "usr/share/keyrings/inviseobox-archive-keyring.gpg"

_CONTROL = """Package: {name}
Source: {source}
Version: {version}
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: {text}
"""


class Repository:
    """The folder, the keys and the packages below `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.folder = directory / "apt"
        self.keys = directory / "keys"

    def run(self, *words: str | Path, clock: str = "", keys: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a command of the program; `clock` is by how much its clock is off, as faketime(1) has it."""
        return subprocess.run(
            ["/usr/bin/python3", "-B", PROGRAM, "--folder", self.folder, "--keys", keys or self.keys, *words],
            env={**self.surroundings(), **(clock_off_by(clock) if clock else {})},
            capture_output=True,
            text=True,
            check=False,
        )

    def surroundings(self) -> dict[str, str]:
        """Return an environment that names no repository, and in which the keys of this user are below `directory`."""
        rest = {name: value for name, value in os.environ.items() if not name.startswith("REPO_")}
        return {**rest, "XDG_DATA_HOME": str(self.directory / "data")}

    def do(self, *words: str | Path, clock: str = "", keys: Path | None = None) -> str:
        """Run a command as `run` does, which must be done, and return what it printed."""
        done = self.run(*words, clock=clock, keys=keys)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def refusal(self, *words: str | Path, clock: str = "", keys: Path | None = None) -> str:
        """Run a command as `run` does, which must be refused, and return its one line."""
        done = self.run(*words, clock=clock, keys=keys)
        assert (done.returncode, done.stdout) == (1, ""), done.stdout + done.stderr
        (line,) = done.stderr.splitlines()
        return line

    def package(
        self, version: str, name: str = "inviseobox", source: str = "inviseobox", text: str = "nothing"
    ) -> Path:
        """Return a package file of `version`."""
        return self._built(version, name, source, text, {})

    def keyring_package(self, version: str, clock: str = "") -> Path:
        """Return a file of inviseobox-archive-keyring with the keys of now, which are made if there are none."""
        file = self.directory / "keyring.gpg"
        self.do("keyring", file, clock=clock)
        return self._built(version, "inviseobox-archive-keyring", "inviseobox", "keys", {KEYRING: file.read_bytes()})

    def publish(self, version: str, clock: str = "") -> None:
        """Publish packages of the program and of the keys as `version`."""
        self.do("publish", self.package(version), self.keyring_package(version, clock), clock=clock)

    def release(self, version: str) -> None:
        """Publish as `version` and promote that to all boxes."""
        self.publish(version)
        self.do("promote", version)

    def without_times(self) -> dict[str, str]:
        """Return the digest of each file, without its dates and signatures."""
        told = {}
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path.name != "Release.gpg":
                text = re.sub(rb"(?m)^(Date|Valid-Until): .*$|\"date\": \d+", b"", path.read_bytes())
                text = text.partition(b"-----BEGIN PGP SIGNATURE-----")[0]
                told[str(path.relative_to(self.folder))] = hashlib.sha256(text).hexdigest()
        return told

    def _built(self, version: str, name: str, source: str, text: str, files: dict[str, bytes]) -> Path:
        tree = self.directory / "tree"
        for path, content in {**files, "DEBIAN/control": _CONTROL.format_map(locals()).encode()}.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content)
        built = self.directory / f"{name}_{version}_all.deb"
        command = ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(built)]
        # The same bytes each time.
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "SOURCE_DATE_EPOCH": "0"})
        subprocess.run(["rm", "-r", tree], check=True)
        return built


class Client:
    """An apt of its own below `directory`, which trusts `keyring` and looks at `suites` of the repository at `url`."""

    def __init__(self, directory: Path, url: str, keyring: Path, suites: Sequence[str] = ("stable",)) -> None:
        self._directory = directory
        for folder in (
            "etc/apt/apt.conf.d",
            "etc/apt/preferences.d",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/log/apt",
            "here",
        ):
            (directory / folder).mkdir(parents=True)
        self._status = directory / "status"
        self._status.touch()
        source = f"Types: deb\nURIs: {url}\nSuites: {' '.join(suites)}\nComponents: main\nSigned-By: {keyring}\n"
        (directory / "etc/apt/sources.list.d").mkdir()
        (directory / "etc/apt/sources.list.d/inviseobox.sources").write_text(source)
        settings = {
            "Dir": directory,
            "Dir::State::status": self._status,
            "Dir::Cache::pkgcache": "",
            "APT::Architecture": "amd64",
            "APT::Sandbox::User": "root",
            "APT::Update::Error-Mode": "any",
            "Acquire::http::Proxy": "DIRECT",
            "Acquire::Retries": "0",
        }
        self._settings = directory / "settings"
        self._settings.write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))

    def install(self, version: str) -> None:
        """Let apt believe that `version` of the program is installed."""
        control = _CONTROL.format(name="inviseobox", source="inviseobox", version=version, text="nothing")
        self._status.write_text(control.replace("Version:", "Status: install ok installed\nVersion:"))

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run an apt program in a folder of its own."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "APT_CONFIG": str(self._settings)}
        return subprocess.run(
            words, cwd=self._directory / "here", env=environment, capture_output=True, text=True, check=False
        )

    def update(self) -> None:
        """Take the indexes, without a word of complaint."""
        done = self.run("apt-get", "update")
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        assert [line for line in said.splitlines() if line.startswith(("E:", "W:", "N:", "Ign:", "Err:"))] == [], said

    def complaint(self) -> str:
        """Try to take the indexes, which must fail, and return what is said of it."""
        done = self.run("apt-get", "update")
        assert done.returncode == 100, done.stdout
        return done.stderr

    def download(self) -> Path:
        """Take the package that would be installed and return its file."""
        done = self.run("apt-get", "download", "inviseobox")
        assert done.returncode == 0, done.stdout + done.stderr
        (file,) = (self._directory / "here").iterdir()
        return file.rename(self._directory / file.name)

    def candidate(self) -> str:
        """Return the version that would be installed."""
        (line,) = [
            one for one in self.run("apt-cache", "policy", "inviseobox").stdout.splitlines() if "Candidate" in one
        ]
        return line.split()[1]

    def is_offered(self, package: str = "inviseobox", machine: str = "0" * 32) -> bool:
        """Return whether an upgrade would bring a new version of `package` to the box with that machine-id."""
        done = self.run("apt-get", "--simulate", "upgrade", "-o", f"APT::Machine-ID={machine}")
        assert done.returncode == 0, done.stderr
        return f"Inst {package} " in done.stdout


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Yield the address at which `folder` is served as it is."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def clock_off_by(offset: str) -> dict[str, str]:
    """Return what makes the programs of an environment see another time.

    Not by the program faketime: it fails where another one left a semaphore with the number of its process.
    """
    return {"LD_PRELOAD": "/usr/$LIB/faketime/libfaketime.so.1", "FAKETIME": offset}


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the base class gives it
        pass
