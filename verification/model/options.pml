/* ---- size, budgets, which faults and which operators there are ------------------------------------------------------------- */
#ifndef NI
#define NI 1                  /* instances of the one account; the second starts when the first has ended */
#endif
#ifndef NT
#define NT 4                  /* rows an instance may have */
#endif
#ifndef FIRST
#define FIRST SUBMIT          /* phase of the first task; TIMER chains into the submit */
#endif
#ifndef FAULTS
#define FAULTS 0              /* so many faults, of any enabled kind */
#endif
#ifndef OPS
#define OPS 0                 /* so many acts of an operator, of any enabled kind */
#endif
#ifndef MAXATT
#define MAXATT 2              /* attempts at an effect */
#endif
#ifndef MAXRECLAIM
#define MAXRECLAIM 2             /* reclaims of one task (5) */
#endif
#ifndef MAXSEND
#define MAXSEND 0             /* sends of one message (20); 0: as many as it takes */
#endif
#ifndef BACKLOG
#define BACKLOG 0             /* 1: a queued task's lease may run out though its message is still on its way */
#endif
#ifndef F_CRASH
#define F_CRASH 0             /* an invocation dies between any two blocks */
#endif
#ifndef F_FREEZE
#define F_FREEZE 0            /* an invocation stands still past its leases, and goes on */
#endif
#ifndef F_DUP
#define F_DUP 0               /* a message is delivered twice */
#endif
#ifndef F_LOSS
#define F_LOSS 0              /* a message is lost, or never sent */
#endif
#ifndef F_REPLY
#define F_REPLY 0             /* begin or commit ran, its reply is lost */
#endif
#ifndef F_LOCK
#define F_LOCK 0              /* the lock table fails, before or after the write */
#endif
#ifndef F_WIPE
#define F_WIPE 0              /* the lock table is lost */
#endif
#ifndef F_VENDOR
#define F_VENDOR 0            /* timeouts and 5xx, acted upon or not, now or later; 429; 4xx */
#endif
#ifndef F_JOB
#define F_JOB 0               /* a job fails at the service */
#endif
#ifndef F_LATE
#define F_LATE 0              /* a poll's answer comes after the step's deadline */
#endif
#ifndef F_AGE
#define F_AGE 0               /* an outcome stays unknown for longer than the service keeps keys */
#endif
#ifndef O_PAUSE
#define O_PAUSE 0             /* pause, and later resume */
#endif
#ifndef O_GLOBAL
#define O_GLOBAL 0            /* pause-all, and later resume-all */
#endif
#ifndef FOR_EVER
#define FOR_EVER 0            /* 1: the global pause is never ended */
#endif
#ifndef O_STOP
#define O_STOP 0
#endif
#ifndef O_RETRY
#define O_RETRY 0
#endif

/* ---- guards; -DM_xxx takes one away ----------------------------------------------------------------------------------------- */
#ifndef M_BEGIN_ANY_FENCE
#define M_BEGIN_ANY_FENCE 0         /* begin does not compare the fence of the message */
#endif
#ifndef M_BEGIN_ANY_STATUS
#define M_BEGIN_ANY_STATUS 0        /* begin takes what is not queued */
#endif
#ifndef M_BEGIN_KEEPS_FENCE
#define M_BEGIN_KEEPS_FENCE 0       /* begin draws no fence of its own, reclaim neither */
#endif
#ifndef M_BEGIN_FOR_ANY_DELIVERY
#define M_BEGIN_FOR_ANY_DELIVERY 0       /* a repeated begin also returns the task to another delivery of the message */
#endif
#ifndef M_GLOBAL_READ_EARLY
#define M_GLOBAL_READ_EARLY 0       /* begin reads the control row without the shared lock: in an earlier moment */
#endif
#ifndef M_NOT_GIVEN_BACK
#define M_NOT_GIVEN_BACK 0          /* begin under a global pause leaves the task queued */
#endif
#ifndef M_PAUSE_LEAVES_TASK
#define M_PAUSE_LEAVES_TASK 0       /* pause does not hold the waiting task */
#endif
#ifndef M_BEGIN_ANY_INSTANCE
#define M_BEGIN_ANY_INSTANCE 0      /* begin does not look at the instance: the second wall behind the one above */
#endif
#ifndef M_SUCCESSOR_ALWAYS_RUNS
#define M_SUCCESSOR_ALWAYS_RUNS 0            /* commit lets a chain go on without looking at pauses */
#endif
#ifndef M_COMMIT_ANY_FENCE
#define M_COMMIT_ANY_FENCE 0        /* commit does not compare fences */
#endif
#ifndef M_COMMIT_ANY_STATUS
#define M_COMMIT_ANY_STATUS 0       /* commit takes what is not running */
#endif
#ifndef M_COMMIT_FORGETS
#define M_COMMIT_FORGETS 0          /* no committed fence: a repeated commit is reported as stale */
#endif
#ifndef M_REPEAT_ANY_OWNER
#define M_REPEAT_ANY_OWNER 0        /* a repeated commit returns the fence of another delivery that runs the successor */
#endif
#ifndef M_STOP_FORGETS_JOB
#define M_STOP_FORGETS_JOB 0        /* commit under a stop makes no cancel task */
#endif
#ifndef M_STOP_FORGETS_UNKNOWN
#define M_STOP_FORGETS_UNKNOWN 0    /* stop cancels a waiting submit of unknown outcome like any other task */
#endif
#ifndef M_STOP_AT_ONCE
#define M_STOP_AT_ONCE 0            /* stop ends an instance whose task is running */
#endif
#ifndef M_CANCEL_LOOKS_ONCE
#define M_CANCEL_LOOKS_ONCE 0       /* a key that is not found counts as never sent, at once */
#endif
#ifndef M_CANCEL_HELD
#define M_CANCEL_HELD 0             /* claim, resend and begin make cancels wait for the end of a global pause */
#endif
#ifndef M_EXPIRED_IS_KNOWN
#define M_EXPIRED_IS_KNOWN 0           /* a submit that was reclaimed counts as not sent, and begins anew */
#endif
#ifndef M_NEW_KEY
#define M_NEW_KEY 0                 /* an unknown outcome is retried as a new task with a new key */
#endif
#ifndef M_RETRY_NEW_TASK
#define M_RETRY_NEW_TASK 0          /* retry makes a new task of an unknown outcome */
#endif
#ifndef M_FAILS_UNASKED
#define M_FAILS_UNASKED 0           /* a write of unknown outcome fails without a look-up by its key */
#endif
#ifndef M_NO_LOOK_UP
#define M_NO_LOOK_UP 0              /* likewise, and that promise is not checked: the lock alone keeps others out */
#endif
#ifndef M_LOOKS_UP_ONCE
#define M_LOOKS_UP_ONCE 0           /* a key that is not found counts as never received, at once */
#endif
#ifndef M_NO_KEY_AGE
#define M_NO_KEY_AGE 0              /* an expired key is sent again */
#endif
#ifndef M_SERVICE_WITHOUT_KEYS
#define M_SERVICE_WITHOUT_KEYS 0    /* the service does each request anew: what it must not do */
#endif
#ifndef M_RESEND_NEW_FENCE
#define M_RESEND_NEW_FENCE 0        /* a resend draws a new fence */
#endif
#ifndef M_NO_RESEND
#define M_NO_RESEND 0
#endif
#ifndef M_NO_RECLAIM
#define M_NO_RECLAIM 0
#endif
#ifndef M_RECLAIM_LEASED
#define M_RECLAIM_LEASED 0        /* reclaim does not wait for the lease */
#endif
#ifndef M_RECLAIMS_EVERY
#define M_RECLAIMS_EVERY 0             /* every expired lease counts as a reclaim */
#endif
#ifndef M_RECLAIMS_FORGOTTEN
#define M_RECLAIMS_FORGOTTEN 0         /* a commit that reschedules the row begins the count of reclaims anew */
#endif
#ifndef M_NO_LOCK
#define M_NO_LOCK 0                 /* writes without the account's lock */
#endif
#ifndef M_LOCK_ANY_ORDER
#define M_LOCK_ANY_ORDER 0          /* the lock gives way to any task of the same instance */
#endif
#ifndef M_LOCK_KEPT_BY_THE_DEAD
#define M_LOCK_KEPT_BY_THE_DEAD 0      /* the lock is never taken before it expires */
#endif
#ifndef M_DEAD_HOLDER_KEEPS
#define M_DEAD_HOLDER_KEEPS 0       /* the same task and fence is a duplicate, however long ago it took the lock */
#endif
#ifndef M_NO_EXPIRY
#define M_NO_EXPIRY 0               /* a lock does not expire */
#endif
#ifndef M_RELEASE_ANY
#define M_RELEASE_ANY 0             /* release does not compare owners */
#endif
#ifndef M_RELEASE_EARLY
#define M_RELEASE_EARLY 0           /* the lock is given back before the call */
#endif
#ifndef M_RELEASE_UNKNOWN
#define M_RELEASE_UNKNOWN 0         /* the lock is given back though the call's end is not known */
#endif
#ifndef M_EARLIER_FORGOTTEN
#define M_EARLIER_FORGOTTEN 0       /* the lock is given back when this call's end is known, though an earlier one's is not */
#endif
#ifndef M_CHAIN_UNLOCKED
#define M_CHAIN_UNLOCKED 0          /* a chain goes on into a write without asking for the lock */
#endif
#ifndef M_NO_TIME_CHECK
#define M_NO_TIME_CHECK 0           /* a call is made however late it is */
#endif
#ifndef M_SEND_FIRST
#define M_SEND_FIRST 0              /* claim sends before it commits */
#endif
#ifndef M_TWO_LIVE
#define M_TWO_LIVE 0                /* no unique index on live instances: start and retry look at nothing */
#endif

/* ---- rare states; -DREACH=name asserts that it is never reached ------------------------------------------------------------- */
#ifndef REACH
#define REACH 0
#endif
#define rare(n) assert(REACH != n)
#define COMMIT_REPEATED 1
#define COMMIT_STALE 2
#define LOCK_TAKEN_FROM_A_LIVING 3
#define LOCK_TAKEN_FROM_A_DEAD 4
#define DUPLICATE 5
#define LOCK_HELD 6
#define CANCEL_UNCONFIRMED 7
#define REPEATED_COMMIT_GOES_ON 8
#define OLD_KEY_LOOKED_UP 9
#define CANCEL_FINDS_NOTHING 10
#define RELEASED_UNDER_PAUSE 11
#define BEGIN_REPEATED 12
#define SENT_AFTER_A_FREEZE 13
#define RESENT 14
#define RECLAIMED 15
#define UNDELIVERABLE 16
#define CRASH_LOOP 17
#define LOCK_EXPIRED_ON_A_LIVING 18
#define RETRIED 19
#define LOOKED_UP 20
#define ABSENT_TWICE 21
