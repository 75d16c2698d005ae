"""Says what puff must know of the interpreter that runs this: one marked line of JSON.

Run by probe.go with -c. It must be read by every Python there is, Python 2 and PyPy included,
so that these can be refused by name; hence comments for types and no syntax of this century.
It imports neither importlib.metadata nor the packages it looks for: both cost more than all of it.
"""

import os
import sys

if sys.path and sys.path[0] == "":
    # The folder puff was started in; a json.py there is not the one meant below.
    del sys.path[0]

MAPS = "/proc/self/maps"


def raw(path):  # type: (str) -> str
    """Spells a path so that JSON carries any bytes: one character per byte."""
    return os.fsencode(path).decode("latin-1")


def stem():  # type: () -> str
    """What the library is called, up to its suffix. libpython3.so is another one: the stable ABI."""
    return "libpython" + ".".join(map(str, sys.version_info[:2])) + sys.abiflags


def mapped():  # type: () -> str
    """The libpython this very process runs on, "" when it has none."""
    name = stem() + "."
    try:
        with open(MAPS, "rb") as maps:
            for line in maps:
                path = os.fsdecode(line.rstrip(b"\n").split(None, 5)[-1])
                # A library that was replaced since ends in " (deleted)" and cannot be loaded.
                if os.path.basename(path).startswith(name) and os.path.isfile(path):
                    return path
    except OSError:
        pass
    return symbol_home()


def symbol_home():  # type: () -> str
    """The same answer from the dynamic linker, for systems that have no /proc."""
    try:
        import ctypes

        class Info(ctypes.Structure):
            _fields_ = [
                ("fname", ctypes.c_char_p),
                ("fbase", ctypes.c_void_p),
                ("sname", ctypes.c_char_p),
                ("saddr", ctypes.c_void_p),
            ]

        dladdr = ctypes.CDLL(None).dladdr
        dladdr.argtypes = [ctypes.c_void_p, ctypes.POINTER(Info)]
        info = Info()
        entry = ctypes.cast(ctypes.pythonapi.Py_Initialize, ctypes.c_void_p)
        if not dladdr(entry, ctypes.byref(info)) or not info.fname:
            return ""
        path = os.path.realpath(os.fsdecode(info.fname))
        # A static python answers with itself; a framework build on macOS calls it Python.
        name = os.path.basename(path)
        return path if name.startswith("libpython") or name == "Python" else ""
    except (ImportError, AttributeError, OSError, TypeError, ValueError):
        return ""


def guesses():  # type: () -> list[str]
    """Where a static python's shared twin may be, best first."""
    try:
        import sysconfig

        config = sysconfig.get_config_vars()
    except Exception:  # noqa: BLE001 - a build without its build data still has a prefix
        config = {}
    names = [config.get("INSTSONAME"), config.get("LDLIBRARY")]
    names += [stem() + ".so.1.0", stem() + ".so", stem() + ".dylib"]
    dirs = [config.get("PYTHONFRAMEWORKPREFIX"), config.get("LIBDIR")]
    for prefix in (sys.base_exec_prefix, sys.base_prefix):
        dirs += [os.path.join(prefix, "lib"), os.path.join(prefix, "lib64"), prefix]
    multiarch = getattr(sys.implementation, "_multiarch", "") or config.get("MULTIARCH")
    if multiarch:
        dirs += ["/usr/lib/" + multiarch, "/lib/" + multiarch]
    dirs += ["/usr/lib64", "/usr/lib", "/usr/local/lib"]
    found = []  # type: list[str]
    for folder in dirs:
        for name in names:
            if not folder or not name or name.endswith(".a"):
                continue
            path = os.path.join(folder, name)
            if path not in found:
                found.append(path)
    return found


def stamps():  # type: () -> list[dict[str, object]]
    """The folders whose change may add or take away a package, as they are now."""
    import site

    paths = list(sys.path) + site.getsitepackages()
    if site.ENABLE_USER_SITE:
        paths.append(site.getusersitepackages())
    seen = []  # type: list[dict[str, object]]
    for path in dict.fromkeys(paths):
        stamp = {"path": raw(path), "size": 0, "mtime": 0, "inode": 0}
        try:
            info = os.stat(path)
            stamp.update(size=info.st_size, mtime=info.st_mtime_ns, inode=info.st_ino)
        except OSError:
            pass  # all zero: whoever makes the folder changes the answer
        seen.append(stamp)
    return seen


def site_packages():  # type: () -> list[str]
    import site

    known = set(site.getsitepackages() + [site.getusersitepackages()])
    return [raw(path) for path in sys.path if path in known]


def version_of(name):  # type: (str) -> str
    """The version of a package that would be imported, "" when none would."""
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(name, None)
        except Exception:  # noqa: BLE001, S112 - an import hook of somebody else's
            continue
        # A folder that only shares the name has no loader, or no file.
        if spec is None:
            continue
        if spec.loader is None or not spec.origin:
            return ""
        return recorded_version(name)
    return ""


def recorded_version(name):  # type: (str) -> str
    for folder in sys.path:
        try:
            entries = os.listdir(folder)
        except OSError:
            continue
        for entry in entries:
            stem, kind = os.path.splitext(entry)
            package, _, rest = stem.partition("-")
            if kind in (".dist-info", ".egg-info") and package.lower() == name and rest:
                return rest.partition("-")[0]
    return "unknown"


def answer():  # type: () -> dict[str, object]
    said = {"version": sys.version.split()[0], "version_info": list(sys.version_info[:3])}  # type: dict[str, object]
    implementation = getattr(sys, "implementation", None)
    said["implementation"] = implementation.name if implementation else "cpython"
    if hasattr(sys, "pypy_version_info"):
        said["implementation"] = "pypy"
    if said["implementation"] != "cpython" or sys.version_info < (3, 10):
        return said
    library = mapped()
    said.update(
        executable=raw(sys.executable or ""),
        prefix=raw(sys.prefix),
        base_prefix=raw(sys.base_prefix),
        mapped=raw(library),
        guesses=[] if library else [raw(path) for path in guesses()],
        free_threaded="t" in sys.abiflags,
        gil=getattr(sys, "_is_gil_enabled", lambda: True)(),
        stamps=stamps(),
        site_packages=site_packages(),
        greenlet=version_of("greenlet"),
        uvloop=version_of("uvloop"),
    )
    return said


if __name__ == "__main__":
    import json

    # A sitecustomize may print as well, without an end of line even.
    sys.stdout.write("\npuff-python: " + json.dumps(answer()) + "\n")
    sys.stdout.flush()
