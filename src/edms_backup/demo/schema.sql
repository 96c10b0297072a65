-- The main tables of an EDMS, with every kind of reference that a backup has to follow.

-- Names the types of objects; audit_trail points into any of them.
CREATE TABLE django_content_type (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    app_label VARCHAR(100) NOT NULL,
    model     VARCHAR(100) NOT NULL,
    UNIQUE (app_label, model)
);

CREATE TABLE auth_group (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(150) NOT NULL UNIQUE
);

CREATE TABLE roles (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid             CHAR(32)     NOT NULL UNIQUE,
    name             VARCHAR(100) NOT NULL UNIQUE,
    module           VARCHAR(20)  NOT NULL,
    permission_level VARCHAR(20)  NOT NULL,
    description      TEXT         NOT NULL,
    is_system        BOOLEAN      NOT NULL,
    inherits_from_id INTEGER REFERENCES roles (id),
    UNIQUE (module, permission_level)
);

CREATE TABLE users (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid       CHAR(32)     NOT NULL UNIQUE,
    username   VARCHAR(150) NOT NULL UNIQUE,
    full_name  VARCHAR(200) NOT NULL,
    email      VARCHAR(254) NOT NULL,
    is_active  BOOLEAN      NOT NULL,
    manager_id INTEGER REFERENCES users (id),
    last_login DATETIME,
    created_at DATETIME     NOT NULL
);

-- A link table with an id of its own.
CREATE TABLE users_groups (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id  INTEGER NOT NULL REFERENCES users (id),
    group_id INTEGER NOT NULL REFERENCES auth_group (id),
    UNIQUE (user_id, group_id)
);

-- Two references to the same table, one of them no part of the key.
CREATE TABLE user_roles (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id        INTEGER  NOT NULL REFERENCES users (id),
    role_id        INTEGER  NOT NULL REFERENCES roles (id),
    assigned_by_id INTEGER REFERENCES users (id),
    assigned_at    DATETIME NOT NULL,
    UNIQUE (user_id, role_id)
);

CREATE TABLE document_types (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid            CHAR(32)      NOT NULL UNIQUE,
    code            VARCHAR(20)   NOT NULL UNIQUE,
    name            VARCHAR(100)  NOT NULL,
    retention_years INTEGER,
    filing_fee      DECIMAL(10, 2),
    requires_review BOOLEAN       NOT NULL
);

-- Refers to itself, four times to other tables, and in a circle with document_versions.
CREATE TABLE documents (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid               CHAR(32)     NOT NULL UNIQUE,
    document_number    VARCHAR(50)  NOT NULL UNIQUE,
    title              VARCHAR(500) NOT NULL,
    status             VARCHAR(50)  NOT NULL,
    document_type_id   INTEGER      NOT NULL REFERENCES document_types (id),
    author_id          INTEGER      NOT NULL REFERENCES users (id),
    reviewer_id        INTEGER REFERENCES users (id),
    approver_id        INTEGER REFERENCES users (id),
    supersedes_id      INTEGER REFERENCES documents (id),
    current_version_id INTEGER REFERENCES document_versions (id),
    metadata           JSON         NOT NULL,
    effective_date     DATE,
    created_at         DATETIME     NOT NULL
);

-- Its key runs through the document.
CREATE TABLE document_versions (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id   INTEGER        NOT NULL REFERENCES documents (id),
    version_major INTEGER        NOT NULL,
    version_minor INTEGER        NOT NULL,
    created_by_id INTEGER        NOT NULL REFERENCES users (id),
    size_kb       DECIMAL(12, 3) NOT NULL,
    content       BLOB,
    remark        TEXT,
    created_at    DATETIME       NOT NULL,
    UNIQUE (document_id, version_major, version_minor)
);

-- A composite foreign key.
CREATE TABLE version_approvals (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id   INTEGER     NOT NULL,
    version_major INTEGER     NOT NULL,
    version_minor INTEGER     NOT NULL,
    approver_id   INTEGER     NOT NULL REFERENCES users (id),
    decision      VARCHAR(40) NOT NULL,
    decided_at    DATETIME    NOT NULL,
    UNIQUE (document_id, version_major, version_minor, approver_id),
    FOREIGN KEY (document_id, version_major, version_minor)
        REFERENCES document_versions (document_id, version_major, version_minor)
);

CREATE TABLE document_dependencies (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id     INTEGER     NOT NULL REFERENCES documents (id),
    depends_on_id   INTEGER     NOT NULL REFERENCES documents (id),
    dependency_type VARCHAR(20) NOT NULL,
    created_by_id   INTEGER REFERENCES users (id),
    UNIQUE (document_id, depends_on_id, dependency_type)
);

-- A link table without an id.
CREATE TABLE document_readers (
    document_id INTEGER NOT NULL REFERENCES documents (id),
    user_id     INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (document_id, user_id)
);

-- The primary key is the natural one.
CREATE TABLE workflow_document_states (
    code       VARCHAR(50)  PRIMARY KEY NOT NULL,
    name       VARCHAR(100) NOT NULL,
    position   INTEGER      NOT NULL,
    is_initial BOOLEAN      NOT NULL,
    is_final   BOOLEAN      NOT NULL
);

CREATE TABLE document_workflows (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id      INTEGER     NOT NULL UNIQUE REFERENCES documents (id),
    current_state_id VARCHAR(50) NOT NULL REFERENCES workflow_document_states (code),
    initiated_by_id  INTEGER     NOT NULL REFERENCES users (id),
    assignee_id      INTEGER REFERENCES users (id),
    due_date         DATE,
    started_at       DATETIME    NOT NULL
);

CREATE TABLE document_transitions (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow_id     INTEGER     NOT NULL REFERENCES document_workflows (id),
    step            INTEGER     NOT NULL,
    from_state_id   VARCHAR(50) REFERENCES workflow_document_states (code),
    to_state_id     VARCHAR(50) NOT NULL REFERENCES workflow_document_states (code),
    performed_by_id INTEGER     NOT NULL REFERENCES users (id),
    reason          TEXT,
    performed_at    DATETIME    NOT NULL,
    UNIQUE (workflow_id, step)
);

-- The database knows no key but the id; the registry does.
CREATE TABLE document_comments (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id INTEGER  NOT NULL REFERENCES documents (id),
    author_id   INTEGER  NOT NULL REFERENCES users (id),
    parent_id   INTEGER REFERENCES document_comments (id),
    body        TEXT     NOT NULL,
    created_at  DATETIME NOT NULL
);

-- A reference that the database does not declare.
CREATE TABLE saved_searches (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id INTEGER,
    name     VARCHAR(100) NOT NULL,
    query    JSON         NOT NULL
);

-- A polymorphic reference: content_type_id says which table, object_id which row.
CREATE TABLE audit_trail (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid            CHAR(32)    NOT NULL UNIQUE,
    user_id         INTEGER REFERENCES users (id),
    content_type_id INTEGER REFERENCES django_content_type (id),
    object_id       VARCHAR(255),
    action          VARCHAR(40) NOT NULL,
    changes         JSON,
    happened_at     DATETIME    NOT NULL
);

-- No key at all; the same event can be there twice.
CREATE TABLE system_events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        VARCHAR(40) NOT NULL,
    document_id INTEGER REFERENCES documents (id),
    message     TEXT        NOT NULL,
    happened_at DATETIME    NOT NULL
);

-- Not even an id.
CREATE TABLE login_log (
    username VARCHAR(150) NOT NULL,
    address  VARCHAR(45),
    success  BOOLEAN      NOT NULL,
    seconds  FLOAT        NOT NULL,
    day      DATE         NOT NULL
);
