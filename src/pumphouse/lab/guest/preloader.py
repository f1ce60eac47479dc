"""Imports a service's code once, then forks the real services from it on request. Runs in a release's environment.

usage: preloader.py PIPE PARENT MODULE...   (PARENT is nova or cinder)

Each request is one line of JSON on the named pipe: name, module, arguments, log, forked (a file that gets the
child's pid), environment, queue (a message queue to wait for before the service starts; may be null).
"""

import ctypes
import gc
import importlib
import importlib.util
import json
import os
import signal
import sys
from pathlib import Path

TITLE_LENGTH = 15


def patch(parent):
    """Patch the standard library the way this release's own console scripts would."""
    if importlib.util.find_spec(parent + ".monkey_patch"):
        patcher = importlib.import_module(parent + ".monkey_patch")
        if hasattr(patcher, "patch"):
            if parent == "nova":
                patcher.patch(backend="threading")
            else:
                patcher.patch()
    elif parent == "cinder":
        import eventlet

        eventlet.monkey_patch()
    if parent == "cinder":
        from cinder import objects

        objects.register_all()
    if parent == "nova":
        import nova.virt

        # Nova looks for drivers in its own namespace only.
        nova.virt.__path__.insert(0, str(Path(__file__).parent / "nova_virt"))


def await_queue(wait_for):
    """Until the queue is there: a request sent before its consumer exists is lost, and costs a 10 s timeout."""
    import time

    import amqp

    for _ in range(1200):
        try:
            with amqp.Connection(
                wait_for["host"], wait_for["user"], wait_for["password"], virtual_host=wait_for["vhost"]
            ) as connection:
                connection.channel().queue_declare(wait_for["queue"], passive=True)
                return
        except Exception:  # not there yet, or the message server is still starting
            time.sleep(0.1)  # noqa: TID251 - runs in a release's environment


def become(request):
    """In the child: turn into the service; never returns."""
    os.setsid()
    os.environ.update(request["environment"])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    ctypes.CDLL(None).prctl(15, request["name"].encode()[:TITLE_LENGTH], 0, 0, 0)
    patched = sys.modules.get("eventlet.patcher")
    if patched is not None and patched.already_patched:
        import eventlet.hubs

        eventlet.hubs.use_hub()  # else all children share the parent's epoll descriptor
    if request["queue"]:
        await_queue(request["queue"])
    module = importlib.import_module(request["module"])
    sys.argv = [request["module"].rsplit(".", 1)[1], *request["arguments"]]
    status = 1
    try:
        status = module.main() or 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    os._exit(status)


def serve(pipe):
    """Fork a child for each request, for ever."""
    # SIG_IGN would make the kernel reap, but services inherit it before they set their own: reap by hand instead.
    waiting = b""
    while True:
        waiting += os.read(pipe, 65536)
        while b"\n" in waiting:
            line, waiting = waiting.split(b"\n", 1)
            request = json.loads(line)
            pid = os.fork()
            if pid == 0:
                os.close(pipe)
                become(request)
            draft = Path(request["forked"] + ".draft")
            draft.write_text(str(pid))
            draft.rename(request["forked"])


def reap(_number, _frame):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def main():
    path, parent, *modules = sys.argv[1:]
    pipe = os.open(path, os.O_RDWR)  # first of all, so that requests can queue while the imports run
    patch(parent)
    for module in [*modules, "pymysql", "oslo_messaging._drivers.impl_rabbit"]:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, reap)
    serve(pipe)


main()
