"""A folder that stands for a node's root, with an agent that runs on it: for the tests beside it, which are started as
    TEST COMMAND WRITE_HISTORY PROJECT
"""
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
from made_ccache import ccache  # noqa: E402

COMMAND, WRITE_HISTORY, PROJECT = sys.argv[1:4]
EVIL = b"\x1b]0;x\x07<b>\"\\\xe2\x80\xae\xff"
UID = 61990


def read_text(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def many_mounts(path, count):
    """A mount table of so many cifs mounts with names as long and as odd as a pod could choose."""
    with open(path, "wb") as table:
        table.write(b"1 0 8:1 / / rw - ext4 /dev/root rw\n")
        for number in range(count):
            name = b"%d\x1b\"\\134{}\\012#" % number + b"x" * 300
            table.write(b"%d 1 0:%d / /mnt/%s rw - cifs //fs%d.lab.test/%s rw,vers=3.1.1,sec=krb5,cruid=%d,addr=192.0.2.1\n"
                        % (number + 2, number + 100, name, number, name, UID))


class Node:
    """A folder that stands for a node's root, a few processes with tickets, and an agent."""

    def __init__(self, tickets=((b"web", 7200),), before=(), arguments=(), interval=1, mounts=None):
        self.folder = tempfile.TemporaryDirectory(prefix="nsupcall-agent-")
        self.root = self.folder.name
        os.chmod(self.root, 0o755)
        os.makedirs(f"{self.root}/etc/request-key.d")
        os.makedirs(f"{self.root}/var/log")
        os.makedirs(f"{self.root}/run/nsupcall")
        self.processes = []
        script = ""
        for number, ticket in enumerate(tickets):
            script += self.add_process(number, *ticket)
        if mounts is not None:
            many_mounts(f"{self.root}/mountinfo-0", mounts)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = open(f"{self.root}/log", "w+b")
        words = [*before, COMMAND, "agent", f"--root={self.root}", f"--interval={interval}",
                 f"--listen=127.0.0.1:{self.port}", *arguments]
        self.agent = subprocess.Popen(["unshare", "--mount", "sh", "-c", script + 'exec "$@"', "sh", *words],
                                      stderr=self.log, stdout=subprocess.DEVNULL)
        self.processes.append(self.agent)

    def add_process(self, number, name, seconds, key=bytes(32)):
        """A process with a ticket in a /tmp of its own; the line that gives it a cifs mount."""
        uid, path = UID + number, f"{self.root}/ccache-{number}"
        with open(path, "wb") as file:
            file.write(ccache(name, seconds, key))
        inside = f"/tmp/krb5cc_{uid}"
        # A root directory that is open to this user alone, as rootless containers may have.
        script = f"mount -t tmpfs -o mode=700,uid={uid},gid={uid} none /mnt && cd /mnt && mkdir -m 1777 tmp && mkdir usr && " \
                 f"mount --rbind /usr usr && ln -s usr/bin usr/lib usr/lib64 . && cat >.{inside} && " \
                 f"chown {uid} .{inside} && chmod 600 .{inside} && " \
                 f"exec chroot . setpriv --reuid={uid} --regid={uid} --clear-groups sleep 600"
        with open(path, "rb") as content:
            # The folder may be below /tmp: the ticket comes through standard input.
            process = subprocess.Popen(["unshare", "--mount", "sh", "-c", script], stdin=content)
        self.processes.append(process)
        wait_for(lambda: read_text(f"/proc/{process.pid}/comm") == "sleep\n", "a process with a ticket")
        evil = EVIL.replace(b"\\", b"\\134") if name == EVIL else name
        table = f"{self.root}/mountinfo-{number}"
        with open(table, "wb") as file:
            file.write(b"1 0 8:1 / / rw - ext4 /dev/root rw\n2 1 0:%d / /mnt/%s rw - cifs //fs.lab.test/%s rw,vers=3.1.1,"
                       b"sec=krb5,cruid=%d,addr=192.0.2.1\n" % (900 + number, evil, evil, uid))
        return f"mount --bind {table} /proc/{process.pid}/mountinfo || exit 99\n"

    def __enter__(self):
        wait_for(lambda: self.get("/metrics")[0] == 200, "the first collection", self)
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.log.close()
        self.folder.cleanup()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def get(self, path, method="GET"):
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, method=method), timeout=20) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers
        except OSError as error:
            return 0, str(error).encode(), {}

    def sample(self, text):
        """The value of the sample that begins with this text."""
        for line in self.get("/metrics")[1].decode().splitlines():
            if line.startswith(text):
                return float(line.rsplit(" ", 1)[1])
        return None

    def server(self):
        """The process that serves: the agent's child that stays."""
        children = read_text(f"/proc/{self.agent.pid}/task/{self.agent.pid}/children").split()
        return int(children[0])

    def raw(self, request, patience=20):
        """Sends bytes; returns what comes back until the end."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience) as peer:
            answer = b""
            try:
                peer.sendall(request)
                while chunk := peer.recv(65536):
                    answer += chunk
            except ConnectionError:
                pass
            return answer


def wait_for(condition, what, node=None, patience=60):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.1)
    said = ""
    if node is not None:
        node.log.flush()
        said = read_text(f"{node.root}/log")
    raise AssertionError(f"{what}: not within {patience} s\n{said}")


def promtool(text):
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    return done.returncode, (done.stdout + done.stderr).decode()
