import contextlib
import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from support import place  # noqa: E402
from support.cluster import PrivateCluster  # noqa: E402
from support.varve import BINARY, Varve  # noqa: E402

VERSIONS = ["debian", 18]


@pytest.fixture(scope="session")
def base():
    directory = place.new_base()
    yield directory
    if not os.environ.get("VARVE_TEST_KEEP"):
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def binary(base):
    """The program, copied to where every user may run it."""
    if not BINARY.exists():
        pytest.fail(f"{BINARY} is not built: make build")
    copy = base / "bin" / "varve"
    place.make_dir(copy.parent, mode=0o755)
    shutil.copy(BINARY, copy)
    copy.chmod(0o755)
    return copy


@pytest.fixture
def room(base, request):
    """This test's own directory; everything started through new_cluster and new_varve ends with the test."""
    name = "".join(c if c.isalnum() else "_" for c in request.node.name)[:40]
    directory = place.make_dir(base / f"{name}_{os.urandom(3).hex()}", mode=0o755)
    yield directory
    if not os.environ.get("VARVE_TEST_KEEP"):
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def closing(room):
    """Ends what a test started, last first, whatever happened."""
    with contextlib.ExitStack() as stack:
        yield stack.enter_context


@pytest.fixture
def new_cluster(room, closing):
    """new_cluster("name", version="debian", segment_mib=16, settings={}): a running private server."""
    def make(name="source", version="debian", start=True, **options):
        cluster = closing(PrivateCluster(room / name, version))
        cluster.create(**options)
        return cluster.start() if start else cluster
    return make


@pytest.fixture
def open_restored(room, closing):
    """open_restored(directory, like=cluster): a restored data directory, started and promoted."""
    def make(directory, like, promoted=True, name=None, **options):
        cluster = closing(PrivateCluster(room / (name or f"{directory.name}.server"), like.version, data=directory))
        cluster.start(**options)
        return cluster.wait_promoted() if promoted else cluster
    return make


@pytest.fixture
def new_varve(room, closing, binary):
    """new_varve(cluster): a host with an initialised repository and the source pg/main."""
    def make(cluster, name="varve", init=True, user=None, ship_interval="1s", **options):
        varve = closing(Varve(room / name, user=user, binary=binary, ship_interval=ship_interval))
        varve.source("pg/main", cluster, **options)
        if init:
            varve.init()
        return varve
    return make
