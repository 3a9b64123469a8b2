-- Times are microseconds since 1970, UTC. Ids are never reused (autoincrement).
-- remote_id: the id the same thing has in CoMagic, once imported. api_id, which the compatible API
-- speaks, is remote_id or an id from a range that CoMagic's own cannot reach.

create table workspaces (
    id integer primary key autoincrement,
    name text not null,
    timezone text not null,
    currency text not null default 'RUB',
    channel_rules text,
    setup_version integer not null default 1,
    created_at integer not null
) strict;

create table users (
    id integer primary key autoincrement,
    workspace_id integer not null references workspaces (id),
    email text not null unique,
    password_hash text not null,
    role text not null,
    created_at integer not null
) strict;

create table logins (
    token_hash blob primary key,
    user_id integer not null references users (id) on delete cascade,
    expires_at integer not null
) strict, without rowid;

create table login_attempts (
    who text not null,
    at integer not null
) strict;

create index login_attempts_who on login_attempts (who, at);
create index login_attempts_at on login_attempts (at);

create table api_keys (
    id integer primary key autoincrement,
    workspace_id integer not null references workspaces (id),
    name text not null,
    hash blob not null unique,
    scopes text not null,
    created_at integer not null,
    revoked integer not null default 0
) strict;

create table audit (
    id integer primary key autoincrement,
    workspace_id integer not null,
    at integer not null,
    who text not null,
    action text not null,
    subject text not null
) strict;

create index audit_workspace on audit (workspace_id, id);

create table sites (
    id integer primary key autoincrement,
    workspace_id integer not null references workspaces (id),
    remote_id integer,
    host text not null,
    name text not null,
    key text not null unique,
    removed integer not null default 0,
    api_id integer as (coalesce(remote_id, 4000000000000000 + id)) virtual
) strict;

create index sites_workspace on sites (workspace_id);

create table integrations (
    id integer primary key autoincrement,
    workspace_id integer not null references workspaces (id),
    provider text not null,
    site_id integer references sites (id),
    name text not null,
    active integer not null,
    settings text not null,
    created_at integer not null,
    removed integer not null default 0
) strict;

create index integrations_workspace on integrations (workspace_id);

create table integration_tokens (
    hash blob primary key,
    integration_id integer not null references integrations (id),
    sealed text not null,
    created_at integer not null,
    expires_at integer
) strict, without rowid;

create index integration_tokens_integration on integration_tokens (integration_id);

create table campaigns (
    id integer primary key autoincrement,
    workspace_id integer not null references workspaces (id),
    remote_id integer,
    site_id integer not null references sites (id),
    name text not null,
    conditions text not null,
    position integer not null,
    removed integer not null default 0,
    api_id integer as (coalesce(remote_id, 4000000000000000 + id)) virtual
) strict;

create index campaigns_workspace on campaigns (workspace_id);

create table sources (
    id integer primary key autoincrement,
    workspace_id integer not null references workspaces (id),
    remote_id integer,
    name text not null,
    channel_group text,
    conditions text not null,
    priority integer not null,
    removed integer not null default 0,
    api_id integer as (coalesce(remote_id, 4000000000000000 + id)) virtual
) strict;

create index sources_workspace on sources (workspace_id);

create table employees (
    id integer primary key autoincrement,
    workspace_id integer not null references workspaces (id),
    remote_id integer,
    name text not null,
    removed integer not null default 0,
    api_id integer as (coalesce(remote_id, 4000000000000000 + id)) virtual
) strict;

create index employees_workspace on employees (workspace_id);

create table tags (
    id integer primary key autoincrement,
    workspace_id integer not null references workspaces (id),
    remote_id integer,
    name text not null,
    removed integer not null default 0,
    api_id integer as (coalesce(remote_id, 4000000000000000 + id)) virtual
) strict;

create index tags_workspace on tags (workspace_id);

-- The inbox.

create table raw_events (
    id integer primary key autoincrement,
    workspace_id integer not null,
    integration_id integer not null,
    provider text not null,
    address text not null,
    method text not null,
    query text not null,
    headers text not null,
    received_at integer not null,
    state text not null,
    reason text,
    detail text,
    warnings text,
    processed_at integer,
    body blob not null
) strict;

create index raw_events_pending on raw_events (id, workspace_id) where state = 'pending';
create index raw_events_looked_at on raw_events (workspace_id, state, id)
    where state <> 'pending';

create table fetches (
    id integer primary key autoincrement,
    workspace_id integer not null,
    integration_id integer not null,
    raw_event_id integer not null,
    need_key text not null,
    about text not null,
    due_at integer not null,
    attempts integer not null default 0,
    last_reason text,
    unique (integration_id, need_key)
) strict;

create index fetches_due on fetches (due_at);

create table call_budgets (
    budget text primary key,
    next_at integer not null
) strict, without rowid;

-- Visitors, visits, hits. When one id of a browser holds several visits, the earliest has the id as
-- its key and the others are parts of it.

create table visitors (
    id integer primary key autoincrement,
    workspace_id integer not null,
    key text not null,
    first_seen_at integer not null,
    unique (workspace_id, key)
) strict;

create table visits (
    id integer primary key autoincrement,
    workspace_id integer not null,
    remote_id integer,
    site_id integer not null,
    visitor_id integer not null,
    visitor_key text not null,
    key text not null,
    part_of integer,
    started_at integer not null,
    last_hit_at integer not null,
    page_at integer,
    page_message text,
    arrival text not null,
    marks text not null,
    channel_group text not null,
    campaign_id integer,
    source_id integer,
    device text not null,
    ip text,
    country text,
    city text,
    is_robot integer not null,
    hits integer not null,
    messages integer not null,
    api_id integer as (coalesce(remote_id, 4000000000000000 + id)) virtual,
    unique (workspace_id, key)
) strict;

create index visits_visitor on visits (visitor_id, started_at);
create index visits_started on visits (workspace_id, started_at);
create index visits_part on visits (part_of) where part_of is not null;

-- What pages tell of the script on them.

create table script_signs (
    workspace_id integer not null,
    site_id integer not null,
    host text not null,
    provider text not null,
    word text not null,
    first_at integer not null,
    last_at integer not null,
    primary key (site_id, host, provider, word)
) strict, without rowid;

create index script_signs_workspace on script_signs (workspace_id, last_at);

-- Short numbers of visits, each one visit's until it expires.

create table visit_codes (
    workspace_id integer not null,
    code text not null,
    visit_key text not null,
    expires_at integer not null,
    primary key (workspace_id, code)
) strict, without rowid;

create index visit_codes_visit on visit_codes (workspace_id, visit_key);

-- Every message of the tracker with all that a visit is folded from. `url`, `marks`, `arrival` and
-- `channel_group` are those of page views, null for other messages.

create table hits (
    id integer primary key autoincrement,
    workspace_id integer not null,
    site_id integer not null,
    message text not null,
    visit_id integer not null,
    at integer not null,
    url text,
    title text,
    visitor_key text not null,
    keys text,
    marks text,
    arrival text,
    channel_group text,
    campaign_id integer,
    source_id integer,
    device text not null,
    ip text,
    country text,
    city text,
    is_robot integer not null,
    unique (site_id, message)
) strict;

create index hits_visit on hits (visit_id, at);

-- What visitors did, each by the message that told it, whose visit is the goal's. `folded` is the name
-- as search compares it.

create table goals (
    hit_id integer primary key references hits (id),
    workspace_id integer not null,
    site_id integer not null,
    at integer not null,
    name text not null,
    folded text not null,
    data text not null
) strict;

create index goals_at on goals (workspace_id, at);

-- Communications and the events they are folded from.

create table communications (
    id integer primary key autoincrement,
    workspace_id integer not null,
    remote_id integer,
    integration_id integer not null,
    provider text not null,
    kind text not null,
    external_id text not null,
    channel text not null,
    status text not null,
    strength text not null,
    credit_step text not null,
    campaign_id integer,
    source_id integer,
    visit_id integer,
    contact_name text,
    started_at integer not null,
    received_at integer not null,
    silence_at integer,
    hidden integer not null,
    changed integer not null,
    version integer not null,
    document text not null,
    api_id integer as (coalesce(remote_id, 4000000000000000 + id)) virtual,
    unique (integration_id, kind, external_id)
) strict;

create index communications_started on communications (workspace_id, started_at, id);
create index communications_changed on communications (workspace_id, changed);
create index communications_silence on communications (silence_at) where silence_at is not null;

create virtual table communication_texts using fts5 (
    text,
    content = '',
    contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 2"
);

create table events (
    id integer primary key autoincrement,
    workspace_id integer not null,
    integration_id integer not null,
    dedup_key text not null,
    raw_event_id integer not null,
    communication_id integer not null,
    received_at integer not null,
    body text not null,
    unique (integration_id, dedup_key)
) strict;

create index events_communication on events (communication_id);
create index events_raw on events (raw_event_id);

create table communication_history (
    id integer primary key autoincrement,
    workspace_id integer not null,
    communication_id integer not null,
    at integer not null,
    entry text not null
) strict;

create index communication_history_communication on communication_history (communication_id);

-- Keys of visits (subject 1), communications (2) and card changes of a client (3). `seq` is the
-- change that brought the key, 0 for keys that concern nobody else.

create table keys (
    workspace_id integer not null,
    kind text not null,
    value text not null,
    subject_kind integer not null,
    subject_id integer not null,
    at integer not null,
    seq integer not null,
    primary key (workspace_id, kind, value, subject_kind, subject_id)
) strict, without rowid;

create index keys_seq on keys (seq) where seq > 0;
create index keys_subject on keys (subject_kind, subject_id);

create table changes (
    seq integer primary key autoincrement,
    workspace_id integer not null,
    subject_kind integer not null,
    subject_id integer not null,
    at integer not null
) strict;

create table cursors (
    name text primary key,
    seq integer not null
) strict, without rowid;

-- Communications to look at again because the rules changed or a contact was taken back.

create table revisits (
    id integer primary key autoincrement,
    communication_id integer not null unique,
    workspace_id integer not null
) strict;
