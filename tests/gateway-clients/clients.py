"""The published Python client against a gateway, with its defaults.

Usage: python clients.py <url> <token> <read-only token>
"""

import asyncio
import sys

from upstash_redis import Redis
from upstash_redis.asyncio import Redis as AsyncRedis
from upstash_redis.errors import UpstashError

URL, TOKEN, READ_ONLY_TOKEN = sys.argv[1:]
redis = Redis(url=URL, token=TOKEN, allow_telemetry=False)


def refused(run, text):
    """The error that `run` raises must contain `text`."""
    try:
        run()
    except UpstashError as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"no error with {text}")


def values():
    text = 'grüße 🍞 \0 "quoted"\n'
    assert redis.set("py:text", text) is True
    assert redis.get("py:text") == text
    assert redis.get("py:none") is None
    assert redis.set("py:number", 1000000) is True
    assert redis.incr("py:number") == 1000001
    assert redis.incrbyfloat("py:float", 1.5) == 1.5
    large = "x" * 3_000_000
    redis.set("py:large", large)
    assert redis.get("py:large") == large


def structures():
    redis.hset("py:hash", values={"name": "bread", "slices": 12})
    assert redis.hgetall("py:hash") == {"name": "bread", "slices": "12"}
    redis.zadd("py:zset", {"a": 1, "b": 2.5})
    assert redis.zrange("py:zset", 0, -1, withscores=True) == [("a", 1.0), ("b", 2.5)]
    redis.rpush("py:list", "a", "b")
    assert redis.lrange("py:list", 0, -1) == ["a", "b"]
    assert redis.scan(0, match="py:hash*", count=1000) == (0, ["py:hash"])


def pipelines():
    pipeline = redis.pipeline()
    pipeline.set("py:p", 1).incr("py:p").get("py:p")
    assert pipeline.exec() == [True, 2, "2"]


def transactions():
    transaction = redis.multi()
    transaction.set("py:t", 1)
    transaction.incr("py:t")
    assert transaction.exec() == [True, 2]
    broken = redis.multi()
    broken.set("py:t", 9)
    broken.execute(["SET", "py:t"])
    try:
        broken.exec()
    except AttributeError:
        pass  # upstash-redis 1.8.0 cannot read the answer that Upstash documents for this
    else:
        raise AssertionError("the broken transaction was executed")
    assert redis.get("py:t") == "2"


def scripts():
    assert redis.eval("return {KEYS[1], ARGV[1]}", ["k"], ["v"]) == ["k", "v"]
    sha = redis.script_load("#!lua flags=allow-key-locking\nreturn ARGV[1]")
    assert redis.evalsha(sha, args=["loaded"]) == "loaded"
    assert redis.script_exists(sha, "0" * 40) == [True, False]
    refused(lambda: redis.evalsha("f" * 40), "NOSCRIPT")


def errors():
    redis.set("py:error", "text")
    refused(lambda: redis.lpush("py:error", "x"), "WRONGTYPE")
    stranger = Redis(url=URL, token="not-the-token", rest_retries=0)
    refused(lambda: stranger.get("py:error"), "WRONGPASS")
    reader = Redis(url=URL, token=READ_ONLY_TOKEN, rest_retries=0)
    assert reader.get("py:error") == "text"
    refused(lambda: reader.set("py:error", "y"), "NOPERM")


def binary():
    """Bytes that are no text come back as base64 where the client does not decode them."""
    redis.eval("redis.call('SET', KEYS[1], '\\128\\255\\0')", ["py:bytes"])
    assert redis.strlen("py:bytes") == 3
    raw = Redis(url=URL, token=TOKEN, rest_encoding=None)
    assert raw.get("py:bytes") == "\ufffd\ufffd\0"
    assert redis.getrange("py:bytes", 2, 2) == "\0"


def asynchronous():
    async def run():
        async with AsyncRedis(url=URL, token=TOKEN) as client:
            await asyncio.gather(*(client.set(f"py:async:{n}", n) for n in range(100)))
            replies = await asyncio.gather(*(client.get(f"py:async:{n}") for n in range(100)))
            assert replies == [str(n) for n in range(100)]

    asyncio.run(run())


CHECKS = [
    values, structures, pipelines, transactions, scripts, errors, binary, asynchronous,
]
for check in CHECKS:
    check()
    print("ok", check.__name__, flush=True)
