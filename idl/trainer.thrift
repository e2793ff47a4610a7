/**
 * The contract of Roundhouse: what clients, the coordinator and compute nodes say to each other.
 *
 * Framed transport, strict binary protocol. Fields and methods are only ever added; a name that stands in both services has one
 * signature. Enumerations travel as i32 or string (the codecs of the 0.17 compiler disagree about enums), numbers in bulk as
 * `binary` beside their dtype and length. No type is recursive.
 */
namespace py trainer_idl

/** The call or the attempt failed. `kind` is a FailureKind of rpc/errors.py, `code` its stable name. */
exception Failure {
  1: i32 kind,
  2: string code,
  3: string message,
}

/** The node declined the task; that is its right and no failure. `reason` is a RejectReason of rpc/errors.py. */
exception Rejected {
  1: i32 reason,
  2: string message,
  3: i32 retry_after_ms,
}

/** The first message on a connection. */
struct Hello {
  1: i32 protocol,
  2: string role,              // client, coordinator, node
  3: string version,           // of the program that calls
  4: string token,
  5: string coordinator,       // id of the calling coordinator
  6: i64 epoch,                // of the calling coordinator; a node refuses a lower one than it has seen
  7: string policy,            // the scheduling policy, for nodes
  8: string connection,        // control, slot
}

struct HelloReply {
  1: i32 protocol,
  2: string name,
  3: string version,
  4: string device,            // cpu, cuda:0
  5: i32 cores,
  6: i64 memory_bytes,
  7: i32 slots,
  8: map<string, string> labels,
  9: map<string, string> numeric_classes,   // "float32/1" (dtype / threads) -> hash of the self-test
  10: list<string> attempts,                // run/round/shard of what runs here or is finished and kept, as many as fit
  11: list<string> blobs,                   // held
  12: string local_socket,                  // path of a Unix socket that serves the same; for callers on the same host
  13: string identity,                      // of a node: the same after every restart
  14: string role,                          // of the caller's token: viewer, submitter, operator, admin, node
  15: string owner,                         // of the caller's token, and of the work that it submits
}

/** What a GPU of a node does. */
struct GpuUse {
  1: string name,
  2: double busy,              // share of the last moment in which it computed, 0..1
  3: i64 memory_used_bytes,
  4: i64 memory_total_bytes,
}

/** The answer to a heartbeat. */
struct NodeStatus {
  1: list<string> attempts,    // running
  2: double load,              // share of busy slots, 0..1
  3: double cpu,               // share of all cores in use, 0..1
  4: i64 memory_used_bytes,
  5: i64 memory_total_bytes,
  6: map<string, string> numeric_classes,   // more may be known than at hello
  7: map<string, string> labels,            // those that were found out since
  8: bool leaving,                          // it ends soon and takes nothing new
  9: i64 disk_free_bytes,      // where its data folder lies, as below
  10: i64 disk_total_bytes,
  11: list<GpuUse> gpus,       // none where nothing can be known of them
  12: i64 cache_bytes,         // what the node keeps of shards, bundles, data sets and environments
}

/** A vector of a round: the bytes ride in `data` up to one part; larger ones are blobs called `name`. */
struct Vector {
  1: string dtype,             // float32, float64; little-endian
  2: i64 length,               // elements
  3: i64 digest,               // XXH3-64 of the bytes, as a signed integer
  4: string name,
  5: optional binary data,
}

/** What is the same for all training tasks of a run. */
struct TrainSettings {
  1: list<i32> layers,         // widths from the input to the output
  2: string activation,
  3: string optimizer,
  4: i32 rounds,
  5: i32 epochs,
  6: double eta,
  7: string eta_schedule,
  8: i32 batch_size,
  9: double momentum,
  10: double weight_decay,
  11: double label_smoothing,
  12: double tolerance,
  13: string dtype,
  14: i64 seed,
  15: double prox_mu,          // 0: off
}

struct SurveyTask {
  1: string attempt,
  2: i64 fence,
  3: string run,
  4: i32 shard,
  5: string blob,              // sha256:<hex> of the file's bytes
  6: string file,              // its name, for messages
  7: i32 classes,              // labels must be below it; 0: any
}

/** Statistics are float64 arrays of `columns` elements, `label_counts` an int64 array. */
struct ShardSummary {
  1: string attempt,
  2: i64 fence,
  3: i64 rows,
  4: i32 columns,
  5: i32 max_label,
  6: binary mean,
  7: binary m2,
  8: binary label_counts,
}

struct TrainTask {
  1: string attempt,
  2: i64 fence,
  3: string run,
  4: i32 round,                // from 1
  5: i32 shard,                // from 0
  6: string blob,
  7: string file,
  8: i32 threads,
  9: Vector model,
  10: TrainSettings settings,
  11: binary offset,           // float64 per feature, empty: raw features
  12: binary scale,
  13: i32 committed_round,     // rounds of the run up to this one are safe; a node drops the results that it keeps of them
}

struct TrainResult {
  1: string attempt,
  2: i64 fence,
  3: i64 rows,
  4: Vector delta,             // weights after the task minus the model it started from
  5: double loss,              // summed over the shard, last epoch
  6: i32 epochs_run,
  7: double compute_s,
}

struct BlobState {
  1: string name,
  2: i64 size,
  3: i64 have,                 // bytes held from the start on; the next part begins here
}

struct DataFile {
  1: string file,
  2: string blob,
  3: i64 size,
}

/** A script job: a Python program with all that it needs. What is 0 or empty is as the node has it by default. */
struct ScriptSpec {
  1: string name,
  2: DataFile bundle,          // a ZIP
  3: string main,              // the program, a path in the bundle
  4: list<string> arguments,
  5: map<string, string> env,
  6: string requirements,      // the file that lists them, a path in the bundle; it need not be there
  7: list<DataFile> datasets,  // ZIPs, unpacked as data/FILE beside the program
  8: double timeout_s,         // from its start; 0: none
  9: i64 memory_bytes,
  10: double cpus,
  11: i32 gpus,
  12: i32 pids,
  13: i64 disk_bytes,          // of all that it writes
  14: string network,          // none, full
  15: string sandbox,          // docker, bwrap, rlimits; empty: whatever the node runs jobs in
  16: string image,            // NAME@sha256:..., for docker
  17: map<string, string> select,
  18: i32 priority,
  19: string owner,
  20: string key,
  21: i32 retries,             // starts anew when a node dies or the set-up fails; a program that fails is not repeated
  22: bool inline_code,        // main is what somebody typed
  23: bool force_queue,        // it waits also where no known node can ever take it
  24: list<string> after,      // JOB, JOB:ok or JOB:any: begins when that has completed, or ended; ids once it is submitted
  25: string array,            // 1-100, 1-9:2, 1,4,7-9, 1-100%4: one job for each index, so many at a time; empty: one job
}

/** One attempt of a script job. */
struct ScriptTask {
  1: string attempt,
  2: i64 fence,
  3: string job,
  4: ScriptSpec spec,
  5: double left_s,            // until its timeout; 0: none
  6: double lease_s,           // it ends when the coordinator has not been heard of for so long
  7: i64 log_start,            // where its log begins, after what earlier attempts have said
}

/** What a script job uses. */
struct ScriptUsage {
  1: double cpu_s,             // processor time
  2: i64 memory_bytes,         // now
  3: i64 peak_memory_bytes,
  4: i64 disk_bytes,           // that its files take now
  5: i32 processes,            // at a time, at most
  6: i64 peak_disk_bytes,
  7: i64 gpu_memory_bytes,     // now, on all GPUs together; 0 also where the node cannot know
  8: i64 peak_gpu_memory_bytes,
}

/** How a script job ended. */
struct ScriptEnd {
  1: i32 status,               // of its process; -N: ended by signal N
  2: i32 failure,              // FailureKind, 0 for none
  3: string reason,
  4: list<DataFile> artifacts, // what is in out/, to be fetched by get_blob
  5: double seconds,           // from the start of the program
  6: optional i32 rejected,    // RejectReason: the node found out, while it set the job up, that it does not take it
}

/** What has happened to a script job since an offset of its log. */
struct ScriptNews {
  1: string attempt,
  2: i64 fence,
  3: string phase,             // setup, running, ended
  4: binary log,               // whole records: "MS SL TEXT\n" with ms since 1970, stream o|e|s, level i|w|e|p
  5: i64 start,                // offset of its first byte; above what was asked for: what lies between was dropped
  6: i64 next_offset,          // offset to ask for next
  7: ScriptUsage usage,
  8: optional ScriptEnd ended, // once all of the log is told
  9: string sandbox,           // the level that it runs in
}

/** Served by compute nodes, called by the coordinator. */
service ComputeNode {
  HelloReply hello(1: Hello hello) throws (1: Failure failure),
  NodeStatus status() throws (1: Failure failure),
  ShardSummary survey(1: SurveyTask task) throws (1: Rejected rejected, 2: Failure failure),
  TrainResult train_shard(1: TrainTask task) throws (1: Rejected rejected, 2: Failure failure),
  void cancel_attempt(1: string attempt, 2: i32 grace_ms) throws (1: Failure failure),
  BlobState put_blob(1: string name, 2: i64 size, 3: i64 offset, 4: binary data) throws (1: Failure failure),
  binary get_blob(1: string name, 2: i64 offset, 3: i32 length) throws (1: Failure failure),
  /** Whether the coordinator places nothing here for the time being. */
  void set_drained(1: bool drained) throws (1: Failure failure),
  void forget(1: list<string> names) throws (1: Failure failure),   // vectors no longer needed; model:RUN/ is all of a run
  /** Start a script job, or go on with it if it runs here, or is over, under an earlier fence. */
  void start_script(1: ScriptTask task) throws (1: Rejected rejected, 2: Failure failure),
  /** A long poll: answers when there is more of the log than up to an offset, or its end, at the latest after wait_ms. */
  ScriptNews follow(1: string attempt, 2: i64 log_offset, 3: i32 wait_ms) throws (1: Failure failure),
  /** Have a script job end within the grace because others need its place: its end is told as preempted. */
  void preempt_attempt(1: string attempt, 2: i32 grace_ms) throws (1: Failure failure),
}

struct RunSpec {
  1: string name,
  2: list<DataFile> shards,    // in the order of their numbers
  3: DataFile validation,
  4: i32 rounds,
  5: i32 epochs,
  6: list<i32> hidden,
  7: i32 classes,              // 0: inferred from the labels
  8: double eta,
  9: string activation,
  10: string init,             // empty: by the optimizer
  11: string optimizer,
  12: i32 batch_size,          // 0: by the optimizer
  13: double momentum,
  14: double weight_decay,
  15: double label_smoothing,
  16: string eta_schedule,
  17: bool standardize,
  18: string server_optimizer,
  19: string weighting,
  20: string dtype,
  21: i64 seed,
  22: i32 threads,
  23: double tolerance,
  24: double max_delta_norm,   // 0: off, as below
  25: bool mixed_classes,
  26: i32 patience,
  27: double target_error,
  28: double max_time_s,
  29: double run_timeout_s,
  30: i32 max_node_losses,
  31: i32 max_attempts,
  32: string owner,            // who has a share of the nodes
  33: i32 priority,            // larger ones go first
  34: i32 min_nodes,           // it begins when so many suitable ones are there
  35: i32 max_nodes,           // at once; 0: any
  36: map<string, string> select,   // labels that its nodes must have
  37: string key,              // a second submission of the owner with the same key is the first one; empty: none
  38: double fraction,         // of the shards that take part in a round, above 0
  39: i32 min_shards,          // a round closes at its deadline when so many are in
  40: double round_deadline_s, // 0: none; -1: by how long its shards take
  41: double server_eta,       // 0: by the server optimizer
  42: string aggregation,
  43: i32 trim,
  44: double prox_mu,          // 0: off
  45: i32 keep_checkpoints,    // how many of the last rounds can be branched from, besides the best one
  46: string parent,           // id of the run whose stored round it goes on from; empty: it starts anew
  47: i32 parent_round,        // 0: the last one stored
  48: bool speculation,        // a task that takes far longer than its peers is tried on a second node, too
  49: string verifies,         // id of the run that this one repeats and compares with; set by verify_run
  50: double sample,           // share of its updates that are computed again
  51: i64 sample_seed,
  52: bool force_queue,        // take it although no node that is known can ever do it
}

struct WorkRow {
  1: string id,
  2: string kind,              // run, verify, script, array
  3: string name,
  4: string state,             // pending, running, completed, failed, cancelled
  5: string reason,
  6: i32 failure,              // FailureKind, 0 for none
  7: i32 round,                // rounds averaged
  8: i32 rounds,
  9: i64 tasks_done,
  10: i64 tasks_total,
  11: optional double validation_error,
  12: string waiting_for,
  13: i64 submitted_ms,        // since 1970
  14: i64 started_ms,
  15: i64 ended_ms,
  16: string owner,
  17: i64 number,              // grows in the order of submission; 0 where that is not asked for
  18: optional ScriptUsage usage,   // of a script job
  19: string result,           // of a script job: JSON of what it left in out/result.json, if that is small; empty: none
  20: string array_id,         // the array that it is a member of, as ID-INDEX; empty: of none
  21: i64 array_index,
  22: map<string, i64> members,   // of an array: how many of its jobs are in which state
}

/** Which work a list is to show. */
struct WorkFilter {
  1: list<string> states,      // none: any
  2: string owner,             // empty: any
  3: i64 before,               // only work with a lower number; 0: any
  4: i32 limit,
  5: list<string> kinds,       // of rows; none: any
  6: string array_id,          // members of this array; empty: what is a member of none
  7: bool with_members,        // also members, of any array
}

/** A round that can be branched from: its model is stored. */
struct Checkpoint {
  1: i32 round,
  2: string model,             // blob of the flat vector
  3: optional double validation_error,
}

struct RoundRow {
  1: i32 round,
  2: optional double validation_error,
  3: optional double validation_loss,
  4: double train_loss,
  5: double seconds,           // from the first task handed out to the average
  6: double wait_s,            // of tasks: ready until placed, summed
  7: double send_s,
  8: double compute_s,
  9: double receive_s,
  10: double reduce_s,
  11: double validate_s,
  12: i32 tasks,
  13: i32 rejections,
  14: i32 retries,
  15: i64 epochs_run,
  16: optional double commit_s,   // from the average to its durable commit; known after it
}

struct RunDetail {
  1: list<RoundRow> rounds,
  2: map<string, i64> tasks_by_node,
  3: i64 rejections,
  4: i64 retries,
  5: i64 bytes_sent,
  6: i64 bytes_received,
  7: string model,             // blob of the flat vector; empty until the run is completed
  8: string model_sha256,
  9: i64 model_bytes,
  10: list<i32> layers,
  11: string activation,
  12: string dtype,
  13: string numeric_class,
  14: bool mixed,
  15: binary offset,
  16: binary scale,
  17: string parent,           // of a branch: the run that it goes on from, and after which round
  18: i32 parent_round,
}

/** What is known of a script job beside its row. */
struct JobDetail {
  1: ScriptSpec spec,
  2: string node,              // the last one that ran it
  3: string sandbox,           // the level that it ran in
  4: string phase,             // setup, running, ended; empty: on no node
  5: i32 attempts,
  6: ScriptUsage usage,
  7: i32 status,               // of its process, once it has ended
  8: list<DataFile> artifacts,
  9: list<string> last_lines,  // of the log
  10: i64 log_bytes,
  11: string result,           // as in its row
}

struct WorkDetail {
  1: WorkRow row,
  2: optional RunDetail run,
  3: optional JobDetail job,   // of an array: its settings alone
  4: list<WorkRow> failures,   // of an array: the first of its jobs that failed
}

/** A piece of a script job's log; see ScriptNews. */
struct LogPage {
  1: binary log,
  2: i64 start,
  3: i64 next_offset,
  4: bool is_whole,            // the job is over and nothing follows
}

/** A number that a script job told of itself. */
struct Metric {
  1: i64 number,               // grows
  2: string name,
  3: i64 step,
  4: double value,
  5: i64 at_ms,
}

struct EventRow {
  1: i64 number,
  2: i64 at_ms,
  3: string kind,
  4: string work,
  5: string node,
  6: i32 round,
  7: i32 shard,
  8: string message,
}

/** What a node does now. */
struct Activity {
  1: string node,
  2: string work,
  3: string kind,              // survey, train
  4: i32 round,
  5: i32 shard,
  6: i32 attempt,
}

struct News {
  1: WorkRow row,
  2: list<EventRow> events,
  3: i64 last,                 // number of the last event told: ask for those after it
  4: list<Activity> activities,
}

struct NodeRow {
  1: string id,
  2: string name,
  3: string state,             // connecting, ready, draining, drained, leaving, quarantined, lost, removed
  4: i32 slots,
  5: i32 running,
  6: i64 done,
  7: i64 rejected,
  8: i64 failed,
  9: double speed,             // tasks a second while busy, smoothed; 0 before the first
  10: string device,
  11: string reason,
  12: double cpu,
  13: i64 memory_used_bytes,
  14: string identity,         // of the node itself; id of one that has joined
  15: string source,           // listed, added, joined
  16: string address,
  17: map<string, string> labels,
  18: map<string, string> numeric_classes,
  19: i64 heard_ms,            // of the last heartbeat, since 1970; 0: never
  20: i64 until_ms,            // end of the quarantine, or 0
  21: string version,
  22: i64 memory_total_bytes,
  23: i64 disk_free_bytes,     // where its data folder lies, as below
  24: i64 disk_total_bytes,
  25: list<GpuUse> gpus,
  26: i64 cache_bytes,         // what it keeps of shards, bundles, data sets and environments
}

/** A node that dials the coordinator offers one of its connections: when this is answered the roles on it reverse. */
struct Join {
  1: string node,              // its identity
  2: string key,               // hexadecimal, that the identity follows from
  3: string connection,        // control, or slot once the control connection has joined
  4: i64 session,              // the same on all connections of a node that belong together
  5: string instance,          // the same for as long as the process of the node lives
}

struct Overview {
  1: string version,
  2: string policy,
  3: double uptime_s,
  4: list<NodeRow> nodes,
  5: list<WorkRow> work,       // the newest first: what runs, and the latest else
  6: string store_fault,       // why nothing can be remembered now, and so nothing is begun; empty: it can
  7: string store,             // the database that remembers, with its version
  8: i64 pending,              // how many runs wait for their turn
  9: i64 running,
  10: list<Activity> activities,   // of the runs in `work`
  11: map<string, i64> ended,  // how many works have ended since the start, by state; of all, as below
  12: i64 rounds,              // averaged since the start
  13: i64 bytes_sent,          // to nodes
  14: i64 bytes_received,
  15: i64 now_ms,              // the coordinator's clock, since 1970
}

/** A script job that is started again and again. */
struct Schedule {
  1: string id,
  2: ScriptSpec spec,
  3: string cron,              // five fields, or a name such as @daily
  4: string zone,              // of the times that it names: UTC, Europe/Berlin
  5: bool overlaps,            // it starts also while the job before still runs
  6: bool paused,
  7: i64 made_ms,              // since 1970
  8: i64 next_ms,              // 0: never again
  9: i64 last_ms,              // for which time it was started last, or left out; 0: for none yet
  10: string last_job,         // that was started last
  11: string fault,            // why nothing was started at last_ms; empty: something was
  12: string token,            // id of the one by which it was made or resumed; while that holds it goes on
}

/** Who is told, by HTTP, when work changes its state. */
struct Webhook {
  1: string id,
  2: string url,
  3: list<string> states,      // of which it is told: running, completed, failed, cancelled
  4: string secret,            // that signs; empty where it is not shown
  5: i64 made_ms,              // since 1970
  6: i64 last,                 // number of the last event that it was told, or need not be
  7: string fault,             // why it cannot be told now; empty: it can
}

/** Which events are asked for; what is empty or 0 excludes none. */
struct EventQuery {
  1: string work,
  2: string node,
  3: i64 since_ms,             // since 1970
  4: i64 after,                // those with a higher number, the oldest first; 0: the newest of all; -1: from the first on
  5: i32 limit,
  6: bool notable,             // without rounds done and rejections, which would bury all others
  7: bool newest,              // of those with a higher number than `after` the newest, not the oldest
  8: string owner,             // those of this owner's works alone
}

struct EventPage {
  1: list<EventRow> events,    // by number
  2: i64 last,                 // number of the last one: ask for those after it
  3: i64 left_out,             // how many of those asked for are older, with `newest`; not counted above 10,000
}

/** One thing that is so, and what to do about it where that is known. */
struct Reason {
  1: string about,             // waiting, queue, placement, retry, critical path, node, end
  2: string text,
  3: i64 at_ms,                // since when, or when, since 1970; 0: now
  4: string advice,
}

/** Why something is as it is. */
struct Why {
  1: string kind,              // run, task, node
  2: string id,
  3: string state,
  4: string answer,            // in one sentence
  5: list<Reason> reasons,
}

/** One try of a task, or a task that waits for one. */
struct AttemptRow {
  1: string task,              // RUN/ROUND/SHARD
  2: i32 round,                // 0: the survey
  3: i32 shard,                // from 0
  4: string node,
  5: string state,             // done, failed, rejected, left out, or of an open task: ready, delayed, placed, fetching, held
  6: string cause,             // the code of the failure or of the rejection
  7: string message,
  8: i64 at_ms,                // when it ended, or since when it is so, since 1970; 0: not written down
  9: i32 tries,                // of an open task, up to now; else 0
  10: bool is_last,            // the one that its round had to wait for; its times in seconds are written down
  11: double wait_s,
  12: double work_s,
}

/** By which a program or a person says who it is. */
struct Token {
  1: string id,
  2: string role,              // viewer, submitter, operator, admin, node
  3: string owner,             // of the work that it submits
  4: string name,              // what it is for
  5: string node,              // identity of the one node that it serves; empty: any
  6: i64 made_ms,              // since 1970, as below
  7: i64 expires_ms,           // 0: never
  8: i64 used_ms,              // roughly when it was shown last; 0: never
  9: i64 revoked_ms,           // 0: it is not
  10: string secret,           // the token itself, told once, when it is made
}

/** Who did what, or was refused it. */
struct AuditRow {
  1: i64 number,               // grows
  2: i64 at_ms,                // since 1970
  3: string token,             // id; empty: without one
  4: string owner,
  5: string role,
  6: string address,
  7: string operation,         // a method of the Coordinator
  8: string subject,           // what it was about, such as the id of a work
  9: string outcome,           // done, or the code of what was answered
}

/** Served by the coordinator, called by clients. */
service Coordinator {
  HelloReply hello(1: Hello hello) throws (1: Failure failure),
  /** The classic call: trains on a folder below the coordinator's data root; the final validation error. k = 0 infers the classes. */
  double train(1: string dir, 2: i32 rounds, 3: i32 epochs, 4: i32 h, 5: i32 k, 6: double eta) throws (1: Failure failure),
  string submit_run(1: RunSpec spec) throws (1: Failure failure),
  WorkDetail get_work(1: string id) throws (1: Failure failure),
  /** The latest work, newest first; page_work gives more. */
  list<WorkRow> list_work() throws (1: Failure failure),
  WorkRow cancel_work(1: string id, 2: string reason) throws (1: Failure failure),
  /** A long poll: answers when there is news after event number `after`, at the latest after wait_ms. */
  News watch(1: string id, 2: i64 after, 3: i32 wait_ms) throws (1: Failure failure),
  Overview overview() throws (1: Failure failure),
  list<NodeRow> list_nodes() throws (1: Failure failure),
  /** Dial a node that listens at HOST:PORT from now on. */
  NodeRow add_node(1: string address) throws (1: Failure failure),
  /** drain, resume, remove or readmit a node, given by id, name or identity. */
  NodeRow order_node(1: string node, 2: string order, 3: string reason) throws (1: Failure failure),
  /** Called by nodes. From the answer on the coordinator calls on this connection and the node serves ComputeNode. */
  void join(1: Join join) throws (1: Failure failure),
  BlobState put_blob(1: string name, 2: i64 size, 3: i64 offset, 4: binary data) throws (1: Failure failure),
  binary get_blob(1: string name, 2: i64 offset, 3: i32 length) throws (1: Failure failure),
  /** As overview, with up to so many runs of each: running, waiting in the order of the queue, ended. */
  Overview glance(1: i32 runs) throws (1: Failure failure),
  EventPage list_events(1: EventQuery query) throws (1: Failure failure),
  /** Why a run, job, task (RUN/ROUND/SHARD) or node is as it is: now, or how it ended. */
  Why why(1: string kind, 2: string id) throws (1: Failure failure),
  /** Work, newest first, at most as much as the filter says and 1000. */
  list<WorkRow> page_work(1: WorkFilter filter) throws (1: Failure failure),
  /** The work with this id, key, or beginning of an id; `latest`: the newest. */
  WorkRow find_work(1: string name) throws (1: Failure failure),
  /** The stored rounds of a run, the first one first. */
  list<Checkpoint> list_checkpoints(1: string id) throws (1: Failure failure),
  RunSpec get_spec(1: string id) throws (1: Failure failure),
  /**
   * Compute a share of a run's updates again and compare; the id of the run that does it, which fails at a difference.
   * With the key of an earlier call it is that one's.
   */
  string verify_run(1: string id, 2: double sample, 3: i64 seed, 4: string key) throws (1: Failure failure),
  string submit_script(1: ScriptSpec spec) throws (1: Failure failure),
  /** A long poll: the log of a script job from an offset on, up to limit bytes; a negative offset counts from the end. */
  LogPage logs(1: string id, 2: i64 offset, 3: i32 limit, 4: i32 wait_ms) throws (1: Failure failure),
  /** What a script job told of itself, in order, after a metric's number. */
  list<Metric> list_metrics(1: string id, 2: i64 after, 3: i32 limit) throws (1: Failure failure),
  /** Forget works that have ended, all or none, with all that is stored of them; answered with what they were. */
  list<WorkRow> remove_work(1: list<string> ids) throws (1: Failure failure),
  /** The attempts of a work in some of its rounds, at most 20,000, by round and shard: those done, set back, and under way. */
  list<AttemptRow> list_attempts(1: string id, 2: i32 first_round, 3: i32 last_round) throws (1: Failure failure),
  /** Start a job at the times of a cron expression from now on. The key of the spec makes the schedule itself happen once. */
  Schedule add_schedule(1: ScriptSpec spec, 2: string cron, 3: string zone, 4: bool overlaps) throws (1: Failure failure),
  list<Schedule> list_schedules() throws (1: Failure failure),
  /** pause, resume or remove a schedule, given by its id; answered with what it is now, or was. */
  Schedule order_schedule(1: string id, 2: string order) throws (1: Failure failure),
  /**
   * Have a URL told of these states; all of them if there are none. Without a secret one is made.
   * With the key of an earlier call it is that one's webhook.
   */
  Webhook add_webhook(1: string url, 2: list<string> states, 3: string secret, 4: string key) throws (1: Failure failure),
  list<Webhook> list_webhooks(1: bool secrets) throws (1: Failure failure),
  void remove_webhook(1: string id) throws (1: Failure failure),
  /** Whoever delivers says how far it has come, and what is in the way. */
  void note_delivery(1: string id, 2: i64 last, 3: string fault) throws (1: Failure failure),
  /** A token with its secret, which is told here and never again. */
  Token create_token(1: string role, 2: string owner, 3: string name, 4: i64 expires_ms, 5: string node) throws (1: Failure failure),
  list<Token> list_tokens() throws (1: Failure failure),
  /** From the answer on it is refused; connections that have shown it are closed. */
  Token revoke_token(1: string id) throws (1: Failure failure),
  /** What was done and what was refused, the newest first: up to `limit` rows with a lower number; 0: any. */
  list<AuditRow> list_audit(1: i64 before, 2: i32 limit) throws (1: Failure failure),
  /** The certificate of this coordinator's own authority (PEM), for callers that know its fingerprint; empty: none. */
  binary authority() throws (1: Failure failure),
  /** As get_work, but of the rounds of a run those after this one alone: of a long run that is little. */
  WorkDetail get_work_since(1: string id, 2: i32 round) throws (1: Failure failure),
}
