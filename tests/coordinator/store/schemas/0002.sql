BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE attempt (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	work TEXT NOT NULL,
	task TEXT NOT NULL,
	round BIGINT NOT NULL,
	shard BIGINT NOT NULL,
	node TEXT NOT NULL,
	fence BIGINT NOT NULL,
	at_ms BIGINT NOT NULL,
	outcome TEXT NOT NULL,
	cause TEXT NOT NULL,
	message TEXT NOT NULL,
	scores TEXT NOT NULL,
	CONSTRAINT fk_attempt_work FOREIGN KEY(work) REFERENCES work (id) ON DELETE CASCADE
);
INSERT INTO "attempt" VALUES(1,'run-open','run-open/1/0',1,0,'n1',7,4,'rejected','busy','load probability','{"n1":0.5}');
CREATE TABLE audit (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	at_ms BIGINT NOT NULL,
	token TEXT NOT NULL,
	owner TEXT NOT NULL,
	role TEXT NOT NULL,
	address TEXT NOT NULL,
	operation TEXT NOT NULL,
	subject TEXT NOT NULL,
	outcome TEXT NOT NULL
);
CREATE TABLE blob_name (
	work TEXT NOT NULL,
	role TEXT NOT NULL,
	blob TEXT NOT NULL,
	CONSTRAINT pk_blob_name PRIMARY KEY (work, role),
	CONSTRAINT fk_blob_name_work FOREIGN KEY(work) REFERENCES work (id) ON DELETE CASCADE
);
INSERT INTO "blob_name" VALUES('run-open','shard/0','sha256:shard');
INSERT INTO "blob_name" VALUES('run-open','model@2','sha256:model');
CREATE TABLE event (
	number BIGINT NOT NULL,
	at_ms BIGINT NOT NULL,
	kind TEXT NOT NULL,
	work TEXT NOT NULL,
	node TEXT NOT NULL,
	round BIGINT NOT NULL,
	shard BIGINT NOT NULL,
	message TEXT NOT NULL,
	CONSTRAINT pk_event PRIMARY KEY (number)
);
INSERT INTO "event" VALUES(1,1,'submitted','run-open','',0,-1,'');
INSERT INTO "event" VALUES(2,2,'node up','','n1',0,-1,'');
INSERT INTO "event" VALUES(3,3,'failed','run-ended','',0,-1,'diverged');
INSERT INTO "event" VALUES(4,4,'round done','run-open','',2,-1,'');
CREATE TABLE event_thinned (
	work TEXT NOT NULL,
	kind TEXT NOT NULL,
	count BIGINT NOT NULL,
	CONSTRAINT pk_event_thinned PRIMARY KEY (work, kind)
);
CREATE TABLE metric (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	work TEXT NOT NULL,
	name TEXT NOT NULL,
	step BIGINT NOT NULL,
	value DOUBLE,
	at_ms BIGINT NOT NULL, log_end BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT fk_metric_work FOREIGN KEY(work) REFERENCES work (id) ON DELETE CASCADE
);
INSERT INTO "metric" VALUES(1,'run-ended','loss',1,0.5,4,0);
CREATE TABLE predecessor (
	work TEXT NOT NULL,
	"after" TEXT NOT NULL,
	state TEXT NOT NULL,
	CONSTRAINT pk_predecessor PRIMARY KEY (work, "after"),
	CONSTRAINT fk_predecessor_work FOREIGN KEY(work) REFERENCES work (id) ON DELETE CASCADE
);
CREATE TABLE node (
	id TEXT NOT NULL,
	name TEXT NOT NULL,
	address TEXT NOT NULL,
	source TEXT NOT NULL,
	labels TEXT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT NOT NULL,
	until_ms BIGINT NOT NULL,
	seen_ms BIGINT NOT NULL, done BIGINT DEFAULT '0' NOT NULL, rejected BIGINT DEFAULT '0' NOT NULL, failed BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_node PRIMARY KEY (id)
);
INSERT INTO "node" VALUES('n1','n1','127.0.0.1:9091','file','{"os":"linux"}','ready','',0,5,1,0,0);
CREATE TABLE round (
	work TEXT NOT NULL,
	round BIGINT NOT NULL,
	validation_error DOUBLE,
	validation_loss DOUBLE,
	train_loss DOUBLE,
	seconds DOUBLE,
	wait_s DOUBLE,
	send_s DOUBLE,
	compute_s DOUBLE,
	receive_s DOUBLE,
	reduce_s DOUBLE,
	validate_s DOUBLE,
	tasks BIGINT NOT NULL,
	rejections BIGINT NOT NULL,
	retries BIGINT NOT NULL,
	epochs_run BIGINT NOT NULL,
	detail TEXT NOT NULL, commit_s DOUBLE,
	CONSTRAINT pk_round PRIMARY KEY (work, round),
	CONSTRAINT fk_round_work FOREIGN KEY(work) REFERENCES work (id) ON DELETE CASCADE
);
INSERT INTO "round" VALUES('run-open',1,0.5,1.5,2.5,0.1,0.0,0.0,0.0,0.0,0.0,0.0,2,0,0,2,'{"nodes":{"n1":2}}',0.05);
INSERT INTO "round" VALUES('run-open',2,0.25,0.75,2.5,0.1,0.0,0.0,0.0,0.0,0.0,0.0,2,0,0,2,'{"nodes":{"n1":2}}',NULL);
CREATE TABLE schedule (
	id TEXT NOT NULL,
	made_ms BIGINT NOT NULL,
	body BLOB NOT NULL,
	blobs TEXT NOT NULL,
	CONSTRAINT pk_schedule PRIMARY KEY (id)
);

CREATE TABLE survey (
	work TEXT NOT NULL,
	shard BIGINT NOT NULL,
	rows BIGINT NOT NULL,
	columns BIGINT NOT NULL,
	max_label BIGINT NOT NULL,
	mean BLOB NOT NULL,
	m2 BLOB NOT NULL,
	label_counts BLOB NOT NULL,
	CONSTRAINT pk_survey PRIMARY KEY (work, shard),
	CONSTRAINT fk_survey_work FOREIGN KEY(work) REFERENCES work (id) ON DELETE CASCADE
);
INSERT INTO "survey" VALUES('run-open',0,100,16,25,X'6D65616E',X'6D32',X'636F756E7473');
INSERT INTO "survey" VALUES('run-open',1,101,16,25,X'6D65616E',X'6D32',X'636F756E7473');
CREATE TABLE token (
	id TEXT NOT NULL,
	digest TEXT NOT NULL,
	role TEXT NOT NULL,
	owner TEXT NOT NULL,
	name TEXT NOT NULL,
	node TEXT NOT NULL,
	made_ms BIGINT NOT NULL,
	expires_ms BIGINT NOT NULL,
	used_ms BIGINT NOT NULL,
	revoked_ms BIGINT NOT NULL,
	CONSTRAINT pk_token PRIMARY KEY (id)
);
CREATE TABLE webhook (
	id TEXT NOT NULL,
	url TEXT NOT NULL,
	states TEXT NOT NULL,
	secret TEXT NOT NULL,
	made_ms BIGINT NOT NULL,
	last BIGINT NOT NULL,
	fault TEXT NOT NULL,
	CONSTRAINT pk_webhook PRIMARY KEY (id)
);

CREATE TABLE work (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	id TEXT NOT NULL,
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	owner TEXT NOT NULL,
	"key" TEXT NOT NULL,
	priority BIGINT NOT NULL,
	"select" TEXT NOT NULL,
	spec BLOB NOT NULL,
	state TEXT NOT NULL,
	reason TEXT NOT NULL,
	failure TEXT NOT NULL,
	round BIGINT NOT NULL,
	rounds BIGINT NOT NULL,
	tasks_done BIGINT NOT NULL,
	tasks_total BIGINT NOT NULL,
	validation_error DOUBLE,
	detail TEXT NOT NULL,
	submitted_ms BIGINT NOT NULL,
	started_ms BIGINT NOT NULL,
	ended_ms BIGINT NOT NULL,
	deadline_ms BIGINT NOT NULL,
	first_event BIGINT NOT NULL,
	is_thinned BOOLEAN NOT NULL,
	array_id TEXT DEFAULT '' NOT NULL,
	array_index BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT uq_work_id UNIQUE (id)
);
INSERT INTO "work" VALUES(1,'run-open','run','letters','','',0,'{"os":"linux"}',X'73706563','running','','none',2,5,6,12,0.25,'{"numeric_class":"abc"}',1,2,0,0,1,0,'',0);
INSERT INTO "work" VALUES(2,'run-ended','run','letters','ann','key',0,'{}',X'73706563','failed','diverged','diverged',0,0,0,0,NULL,'{}',1,3,5,0,1,0,'',0);
CREATE TABLE writer (
	identity TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	host TEXT NOT NULL,
	pid BIGINT NOT NULL,
	address TEXT NOT NULL,
	since_ms BIGINT NOT NULL,
	batch BIGINT NOT NULL,
	late TEXT NOT NULL,
	last_event BIGINT NOT NULL,
	CONSTRAINT pk_writer PRIMARY KEY (identity)
);
INSERT INTO "writer" VALUES('cafe',1800000000000,'example',4711,'127.0.0.1:9090',1800000000000,2,'[]',4);
CREATE UNIQUE INDEX ux_work_owner_key ON work (owner, "key") WHERE key <> '';
CREATE INDEX ix_work_state_number ON work (state, number);
CREATE INDEX ix_work_owner_number ON work (owner, number);
CREATE INDEX ix_work_is_thinned_number ON work (is_thinned, number);
CREATE INDEX ix_attempt_work_number ON attempt (work, number);
CREATE INDEX ix_metric_work_name_number ON metric (work, name, number);
CREATE INDEX ix_predecessor_after ON predecessor ("after");
CREATE INDEX ix_blob_name_blob ON blob_name (blob);
CREATE INDEX ix_event_work_number ON event (work, number);
CREATE INDEX ix_event_node_number ON event (node, number) WHERE node <> '';
CREATE INDEX ix_event_at_ms_kind ON event (at_ms, kind);
CREATE INDEX ix_attempt_node_number ON attempt (node, number);
CREATE INDEX ix_attempt_at_ms ON attempt (at_ms);
CREATE INDEX ix_work_state_ended_ms ON work (state, ended_ms);
CREATE INDEX ix_work_array_id_state_index ON work (array_id, state, array_index) WHERE array_id <> '';
CREATE INDEX ix_work_number_of_none ON work (number) WHERE array_id = '';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('work',2);
INSERT INTO "sqlite_sequence" VALUES('attempt',1);
INSERT INTO "sqlite_sequence" VALUES('metric',1);
COMMIT;
