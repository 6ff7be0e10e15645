"""One container, in namespaces of its own. The node (node/container.rs) starts it with a JSON file that says what is inside.

Standard library only, Linux only. As root the container's user is real; elsewhere a user namespace makes the mounts possible,
and everything in it belongs to one user.

This process enters the network namespace, forks the container, and passes connections on: from the container to Unix sockets, which
cross namespaces, and from the Unix socket `door` to the container's ports. It ends as the container ends.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
READ_ONLY, NO_SUID, NO_DEV, NO_EXEC, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
NO_ACCESS_TIME, NO_DIR_ACCESS_TIME, RELATIVE_ACCESS_TIME = 1024, 2048, 1 << 21
SET_PARENT_DEATH_SIGNAL, SET_NO_NEW_PRIVILEGES = 1, 38
GET_FLAGS, SET_FLAGS, SET_ADDRESS, SET_NETMASK = 0x8913, 0x8914, 0x8916, 0x891C
UP = 1


def check(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def die_with_parent():
    check(LIBC.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0))


def mount(source, target, kind=None, flags=0, data=None):
    def text(word):
        return None if word is None else os.fsencode(word)

    try:
        check(LIBC.mount(text(source), text(target), text(kind), ctypes.c_ulong(flags), text(data)))
    except OSError as error:
        raise OSError(error.errno, f"unable to mount {source} on {target}: {error.strerror}") from error


def read_only(target, flags=0):
    # What its source has may not be taken away inside a user namespace. The bits of statvfs and mount are the same but for one.
    have = os.statvfs(target).f_flag
    flags |= have & (NO_SUID | NO_DEV | NO_EXEC | NO_ACCESS_TIME | NO_DIR_ACCESS_TIME)
    flags |= RELATIVE_ACCESS_TIME if have & 4096 else 0
    mount(None, target, None, REMOUNT | BIND | READ_ONLY | flags)


def bind(source, target, writable=False):
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "a", encoding="utf-8"):
            pass
    mount(source, target, None, BIND | RECURSIVE)
    if not writable:
        read_only(target)


def own_user_namespace():
    user, group = os.getuid(), os.getgid()
    check(LIBC.unshare(NEWUSER))
    for name, text in [("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")]:
        with open(f"/proc/self/{name}", "w", encoding="utf-8") as file:
            file.write(text)


def network(addresses):
    """The loopback device with more addresses: nothing leaves this namespace but by the relays."""

    def address(text):
        return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(text))

    def request(name, payload):
        return struct.pack("16s24s", name.encode(), payload)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        answer = fcntl.ioctl(device, GET_FLAGS, request("lo", b""))
        flags = struct.unpack("=16xH22x", answer)[0]
        fcntl.ioctl(device, SET_FLAGS, request("lo", struct.pack("=H", flags | UP)))
        for number, text in enumerate(addresses):
            fcntl.ioctl(device, SET_ADDRESS, request(f"lo:{number}", address(text)))
            fcntl.ioctl(device, SET_NETMASK, request(f"lo:{number}", address("255.255.255.255")))


def listen(address, port):
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(128)
    return listener


def file_system(spec):
    """What the image holds, what is mounted, and no more; then it becomes the root."""
    root = spec["root"]
    mount(None, "/", None, RECURSIVE | PRIVATE)
    mount("tmpfs", root, "tmpfs", NO_SUID, "mode=755")
    for folder in ["proc", "dev", "tmp", "etc", "var", "run"]:
        os.mkdir(f"{root}/{folder}")
    os.chmod(f"{root}/tmp", 0o1777)
    os.symlink("/run", f"{root}/var/run")
    for part in spec["image"]:
        source, target = part["source"], root + part["target"]
        if os.path.islink(source) and os.path.isdir(source):
            os.symlink(os.readlink(source), target)
        elif os.path.exists(source):
            bind(source, target)
    for device in ["null", "zero", "full", "random", "urandom"]:
        bind(f"/dev/{device}", f"{root}/dev/{device}", writable=True)
    for name, text in spec["files"].items():
        with open(root + name, "w", encoding="utf-8") as file:
            file.write(text)
    try:
        mount("proc", f"{root}/proc", "proc", NO_SUID | NO_DEV | NO_EXEC)
    except OSError:
        # Refused where parts of /proc are hidden, as inside other containers.
        mount("/proc", f"{root}/proc", None, BIND | RECURSIVE)
    for part in spec["mounts"]:
        # A link of the image, such as /var/run, leads elsewhere inside this root than outside of it.
        target = part["target"].replace("/var/run/", "/run/", 1) if part["target"].startswith("/var/run/") else part["target"]
        bind(part["source"], root + target, part["writable"])
    if spec["readOnlyRoot"]:
        read_only(root)
    os.chroot(root)
    os.chdir(spec["folder"])


def become(spec):
    if spec["realUsers"]:
        os.setgroups(spec["groups"])
        os.setresgid(spec["group"], spec["group"], spec["group"])
        os.setresuid(spec["user"], spec["user"], spec["user"])
    if spec["noNewPrivileges"]:
        check(LIBC.prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    # The kernel forgets it when the user changes.
    die_with_parent()


def container(spec):
    check(LIBC.unshare(NEWNS))
    file_system(spec)
    become(spec)
    os.umask(0o022)
    # Python ignores these, and what is ignored stays so.
    for number in [signal.SIGPIPE, signal.SIGXFSZ]:
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(spec["argv"][0], spec["argv"], spec["env"])


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


async def join(reader, writer, connection):
    # At the end open connections are cancelled, which is no error, but asyncio would print it as one.
    with contextlib.suppress(asyncio.CancelledError):
        await relay(reader, writer, connection)


async def relay(reader, writer, connection):
    try:
        far_reader, far_writer = await connection
    except OSError:
        # Closed at once: as good as refused.
        writer.close()
        return
    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
    for end in [writer, far_writer]:
        end.close()


async def serve(spec, listeners, child):
    def outward(path):
        return lambda reader, writer: join(reader, writer, asyncio.open_unix_connection(path))

    async def inward(reader, writer):
        with contextlib.suppress(ValueError, ConnectionError):
            port = int(await reader.readline())
            await join(reader, writer, asyncio.open_connection(spec["address"], port))

    ended = asyncio.get_running_loop().create_future()

    def reap():
        number, status = os.waitpid(child, os.WNOHANG)
        if number == child and not ended.done():
            ended.set_result(status)

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGCHLD, reap)
    loop.add_signal_handler(signal.SIGTERM, os.kill, child, signal.SIGTERM)
    for listener, path in listeners:
        await asyncio.start_server(outward(path), sock=listener)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(spec["door"])
    await asyncio.start_unix_server(inward, spec["door"])
    reap()
    status = await ended
    # As a shell and as a kubelet say it.
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = json.load(file)
    if not spec["realUsers"]:
        own_user_namespace()
    die_with_parent()
    check(LIBC.unshare(NEWNET | NEWUTS | NEWIPC | NEWPID))
    socket.sethostname(spec["hostname"])
    network([spec["address"], *{relay["address"] for relay in spec["relays"] if not relay["address"].startswith("127.")}])
    listeners = [(listen(relay["address"], relay["port"]), relay["socket"]) for relay in spec["relays"]]
    child = os.fork()
    if child == 0:
        try:
            container(spec)
        except BaseException as error:  # whatever it is, this process must not go on as its parent
            print(f"the container did not start: {error}", file=sys.stderr, flush=True)
        os._exit(128)
    code = asyncio.run(serve(spec, listeners, child))
    # Connections that are still open are nobody's any more.
    os._exit(code)


main()
