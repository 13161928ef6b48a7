"""Lua for Redis 6.2 and later, run by its digest."""

import hashlib
from typing import Any, Final

from redis.exceptions import NoScriptError

from adapters.redis.stamped import StampedConnection


class Script:
    """A script that every server learns at its first use, and again after a restart."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    async def run(self, connection: StampedConnection, calls: list[tuple[str, tuple[Any, ...]]]) -> list[Any]:
        """Run once per (key, arguments), all sent at once. Raises the first error of the server."""
        answers = await connection.ask([("EVALSHA", self.digest, 1, key, *arguments) for key, arguments in calls])
        if any(isinstance(answer, NoScriptError) for answer in answers):
            answers = await connection.ask([("EVAL", self.source, 1, key, *arguments) for key, arguments in calls])
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers


# KEYS[1]: the value. ARGV: 1 how many bytes the stamps begin at, 2 their length, 3 stamps, 4 version as fixed-width
# digits right behind the stamps, 5 the value, 6 milliseconds to live, 7 "1" when it holds documents,
# 8 "1" to replace even a newer one, 9 channel, 10 name of the value in messages.
# Versions are decimal digits of one width: strings compare by the server's locale, and digits the same in all of them.
PUT_NEWER: Final = Script("""
local from, length = tonumber(ARGV[1]), tonumber(ARGV[2])
local header = redis.call('GETRANGE', KEYS[1], from, from + length + #ARGV[4])
local same_server = string.sub(header, 1, length) == ARGV[3]
local there = string.sub(header, length + 1, length + #ARGV[4])
local has_documents = string.sub(header, -1) == '1'
local newest = ARGV[4]
if same_server and there > ARGV[4] and ARGV[8] ~= '1' then
    newest = there
elseif not (same_server and there == ARGV[4] and has_documents and ARGV[7] ~= '1') then
    redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[6])
end
redis.call('PUBLISH', ARGV[9], ARGV[10] .. ' ' .. newest)
return newest
""")
