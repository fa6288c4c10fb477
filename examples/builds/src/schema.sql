CREATE TABLE classes (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    role        TEXT NOT NULL,
    description TEXT NOT NULL
) STRICT;

CREATE TABLE users (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    joined_at INTEGER NOT NULL
) STRICT;

CREATE TABLE builds (
    id         INTEGER PRIMARY KEY,
    title      TEXT NOT NULL,
    class      TEXT NOT NULL REFERENCES classes (id),
    author     INTEGER NOT NULL REFERENCES users (id),
    difficulty INTEGER NOT NULL,
    summary    TEXT NOT NULL,
    guide      TEXT NOT NULL,
    might      INTEGER NOT NULL,
    agility    INTEGER NOT NULL,
    focus      INTEGER NOT NULL,
    vigor      INTEGER NOT NULL,
    luck       INTEGER NOT NULL,
    likes      INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE skills (
    build    INTEGER NOT NULL REFERENCES builds (id),
    position INTEGER NOT NULL,
    name     TEXT NOT NULL,
    PRIMARY KEY (build, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE likes (
    user     INTEGER NOT NULL REFERENCES users (id),
    build    INTEGER NOT NULL REFERENCES builds (id),
    liked_at INTEGER NOT NULL,
    PRIMARY KEY (user, build)
) STRICT, WITHOUT ROWID;

CREATE INDEX builds_by_likes ON builds (likes DESC, id DESC);
CREATE INDEX builds_by_age ON builds (created_at DESC, id DESC);
CREATE INDEX builds_by_class ON builds (class, likes DESC, id DESC);
CREATE INDEX builds_by_author ON builds (author, created_at DESC, id DESC);
CREATE INDEX likes_by_build ON likes (build);
