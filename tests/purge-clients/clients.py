"""Published clients of other caches against an edge, with nothing but host and token changed.

Usage: python clients.py <url> <token> <token of tags that begin with shop:>
"""

import os
import subprocess
import sys
from pathlib import Path

import CloudFlare
import fastly
import requests
from fastly.api import purge_api
from fastly.exceptions import ApiException

URL, TOKEN, SHOP = sys.argv[1:]
BIN = Path(sys.executable).parent


def stored(path):
    """Asks for a page until it comes from the cache, which takes as long as it is being stored."""
    for _ in range(500):
        answer = requests.get(URL + path)
        if "; hit" in answer.headers["cache-status"]:
            return
    raise AssertionError(f"{path} is never a hit: {answer.headers['cache-status']}")


def purges(path, run, soft=False):
    """What `run` purges is `path`, and not the page beside it."""
    beside = "/tag/beside"
    stored(path)
    stored(beside)
    run()
    status = requests.get(URL + path).headers["cache-status"]
    assert ("detail=soft-purged" if soft else "fwd=") in status, status
    assert "; hit" in requests.get(URL + beside).headers["cache-status"]


def command(program, *words, environment=None):
    run = subprocess.run(
        [BIN / program, *words],
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, (words, run.stdout, run.stderr)
    return run.stdout


def cloudflare_library():
    client = CloudFlare.CloudFlare(token=TOKEN, base_url=URL + "/client/v4")
    zone = client.zones.purge_cache
    page = "http://site.test/tag/one"
    purges("/tag/one", lambda: zone.post("zone", data={"tags": ["one"]}))
    purges("/tag/one", lambda: zone.post("zone", data={"files": [page]}))
    with_fields = {"url": page, "headers": {"CF-Device-Type": "mobile"}}
    purges("/tag/one", lambda: zone.post("zone", data={"files": [with_fields]}))
    purges("/tag/one", lambda: zone.post("zone", data={"prefixes": ["site.test/tag/o"]}))
    for data, code in [({}, 1012), ({"tags": "one"}, 1014)]:
        try:
            zone.post("zone", data=data)
        except CloudFlare.exceptions.CloudFlareAPIError as error:
            assert int(error) == code, error
        else:
            raise AssertionError(f"{data} is taken")


def cloudflare_library_with_email_and_key():
    client = CloudFlare.CloudFlare(email="me@site.test", key=TOKEN, base_url=URL + "/client/v4")
    purges("/tag/old", lambda: client.zones.purge_cache.delete("zone", data={"tags": ["old"]}))


def cloudflare_command():
    words = ["--post", 'tags=["two"]', "/zones/:0123456789abcdef0123456789abcdef/purge_cache"]
    place = {"CLOUDFLARE_API_URL": URL + "/client/v4", "CLOUDFLARE_API_TOKEN": TOKEN}
    purges("/tag/two", lambda: command("cli4", *words, environment=place))


def fastly_library():
    settings = fastly.Configuration(host=URL, api_key={"token": TOKEN})
    settings.ignore_operation_servers = True
    with fastly.ApiClient(settings) as client:
        api = purge_api.PurgeApi(client)
        key = {"service_id": "any", "surrogate_key": "three"}

        def single():
            assert api.purge_tag(**key).status == "ok"

        def batch():
            told = api.bulk_purge_tag(service_id="any", surrogate_key="three unused")
            assert set(told.to_dict()) == {"three", "unused"}, told

        purges("/tag/three", single)
        purges("/tag/three", batch)
        purges("/tag/three", lambda: api.purge_tag(**key, fastly_soft_purge=1), soft=True)
        purges("/tag/three", lambda: api.purge_single_url(cached_url="site.test/tag/three"))


def fastly_library_within_its_scope():
    settings = fastly.Configuration(host=URL, api_key={"token": SHOP})
    with fastly.ApiClient(settings) as client:
        api = purge_api.PurgeApi(client)
        shop = {"service_id": "any", "surrogate_key": "shop:7"}
        purges("/tag/shop:7", lambda: api.purge_tag(**shop))
        for beyond in [
            lambda: api.purge_tag(service_id="any", surrogate_key="beside"),
            lambda: api.purge_all(service_id="any"),
        ]:
            try:
                beyond()
            except ApiException as error:
                assert error.status == 403, error
            else:
                raise AssertionError("it purges beyond its scope")


def varnish_by_httpie():
    http = ["http", "--check-status", "--auth", f"any:{TOKEN}"]
    at = URL + "/tag/four"
    purges("/tag/four", lambda: command(*http, "PURGE", at))
    purges("/tag/four", lambda: command(*http, "PURGE", URL, "xkey:four other"))
    purges("/tag/four", lambda: command(*http, "BAN", URL, "X-Cache-Tags:(^|,)(four|x)(,|$)"))
    purges("/tag/four", lambda: command(*http, "BAN", URL, "X-Ban-Url:^/tag/fo"))
    purges("/tag/four", lambda: command(*http, "PURGE", URL, "xkey-softpurge:four"), soft=True)


CHECKS = [
    cloudflare_library,
    cloudflare_library_with_email_and_key,
    cloudflare_command,
    fastly_library,
    fastly_library_within_its_scope,
    varnish_by_httpie,
]

for check in CHECKS:
    check()
    print("ok", check.__name__)
