"""The API's document is OpenAPI for those who did not write it: a validator takes it, and a client that a
generator made from it works. Its page does what a browser has it do. All three are programs of npm, whose versions openapi/package-lock.json fixes."""
import json
import shutil
import subprocess

import pytest

from harness import descriptor
from harness.host import API_PORT
from harness.images import BUILD, SYSTEM

SOURCE = SYSTEM / "openapi"
PLACE = BUILD / "openapi-client"


def run(*words, seconds=180):
    done = subprocess.run(list(map(str, words)), cwd=PLACE, stdin=subprocess.DEVNULL, timeout=seconds,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"{words}: exit code {done.returncode}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def place():
    """A directory with the programs; installed anew if other ones are wanted."""
    PLACE.mkdir(exist_ok=True)
    for path in SOURCE.iterdir():
        shutil.copy2(path, PLACE)
    installed, wanted = PLACE / "installed", (SOURCE / "package-lock.json").read_text()
    if not installed.exists() or installed.read_text() != wanted:
        installed.unlink(missing_ok=True)
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        installed.write_text(wanted)
    return PLACE


@pytest.fixture(scope="module")
def document(place, module_host):
    path = place / "openapi.json"
    path.write_text(module_host.ns.text(f"http://127.0.0.1:{API_PORT}/docs/openapi.json"))
    return path


def test_it_is_valid(place, document):
    assert run("node", "validate.js", document) == "OpenAPI 3.0\n"
    # What it would say to one that is not.
    broken = json.loads(document.read_text())
    del broken["paths"]["/api/applications"]["get"]["responses"]
    (place / "broken.json").write_text(json.dumps(broken))
    with pytest.raises(AssertionError, match="responses"):
        run("node", "validate.js", "broken.json")


def test_the_page_shows_and_asks(place, document, host):
    output = run(*host.ns.command("node", "page.js", f"http://127.0.0.1:{API_PORT}"))
    operations = sum(map(len, json.loads(document.read_text())["paths"].values()))
    assert output.splitlines() == [f"operations: {operations}", "found: listApplications",
                                   "answer: 200 OK []"]


def test_a_generated_client_works(place, document, host, images):
    for name in ("api", "js"):
        shutil.rmtree(place / name, ignore_errors=True)
    run("node_modules/.bin/openapi-ts", "-i", document, "-o", "api", "-c", "@hey-api/client-fetch",
        "--silent")
    run("node_modules/.bin/tsc")
    box = descriptor.service("box", "container", images.container(), memory=16)
    shop = descriptor.one_app(box)
    output = run(*host.ns.command("node", "js/client.js", f"http://127.0.0.1:{API_PORT}",
                                  json.dumps(shop)))
    assert output.splitlines() == ["listed: shop", "before: box 0", "after: RUNNING", "left: 0"]
