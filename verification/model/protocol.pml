/* The protocol as it is built: claim, lock, begin, effect, commit, reclaim, resend, pause, resume, stop, retry.
 *
 * One atomic block is one transaction on Postgres, one conditional write on the lock table, or one moment at the actions service.
 * Between two blocks anything may happen: other blocks, a kill, a freeze past the lease. README.md maps the blocks to SQL and Python.
 *
 * -DM_xxx removes one guard; -DREACH=n asserts that rare state n is never reached, and must fail; check.py knows the configurations.
 */

#include "options.pml"

/* ---- words ------------------------------------------------------------------------------------------------------------------ */
#define N (NI * NT)           /* rows: row t belongs to instance t / NT, and its sequence is t % NT */
#define NONE 0
#define NOKEY N
/* who holds a fence or the lock: deliveries 1 and 2, or */
#define TICK 3                /* the reclaim */
#define GONE 4                /* a delivery that died, or ended without a write */
#define MAXF 9                /* fences of one row that anybody remembers at once */
/* a task's status; the last three are final */
#define PENDING 1
#define QUEUED 2
#define RUNNING 3
#define HELD 4
#define COMPLETED 5
#define FAILED 6
#define CANCELLED 7
/* a task's phase */
#define TIMER 1
#define SUBMIT 2
#define POLL 3
#define CANCEL 4
/* an instance's status; final: COMPLETED, FAILED, STOPPED */
#define ACTIVE 1
#define PAUSED 2
#define STOPPING 3
#define STOPPED 7
/* a job at the service */
#define OPEN 1
#define SUCCEEDED 2
#define JOB_FAILED 3
#define JOB_CANCELLED 4
/* an outcome */
#define DONE 1
#define CONTINUE 2
#define LATE 3                /* the job is running, and the deadline has passed */
#define RETRY 4               /* surely not sent */
#define UNKNOWN 5             /* retry, sent or not */
#define DEFER 6
#define FAIL 7
#define REDO 8
#define LEASE_EXPIRED 9
#define ABSENT 10             /* looked up by its key: the service knows no job */
#define RESCHEDULE 8               /* a decision for the same row; else COMPLETED or FAILED */
#define ANY 15                /* a claim fence that no message holds any more */

#define inst(t) ((t) / NT)
#define live(i) (is[i] == ACTIVE || is[i] == PAUSED || is[i] == STOPPING)
#define islive(t) (st[t] >= PENDING && st[t] <= HELD)
#define writes(p) ((p) == SUBMIT || (p) == CANCEL)
#define bit_(v) (1 << (v))
#define few(messages) (((messages) & ((messages) - 1)) == 0)   /* one at most */
#define ghost(k) (ghosts & bit_(k))

/* ---- Postgres: scheduled_tasks, workflow_instances, engine_control ------------------------------------------------------------ */
byte st[N]; byte ph[N];
byte f[N]; byte cf[N]; byte cm[N];     /* fence, claim_fence, committed_fence */
byte by[N]; bit lx[N];                 /* begun_by; the lease has run out */
byte att[N]; byte rp[N]; byte sd[N];   /* attempts, reclaims, sends */
bit unk[N]; byte key[N]; bit jid[N]; bit rs[N]; /* outcome_unknown; payload: key, job id known, reason stop */
byte cg[N];                            /* of a cancel: 1 begun once, 2 a call's timeout ago */
byte lu[N];                            /* of a submit: 1 looked up instead of sent, 2 absent once, 3 a call's timeout ago */
byte is[NI]; byte last[NI]; bit unconfirmed[NI];
bit gp;                                /* the global pause */
/* ---- SQS: which fences of which task are on their way (a set: duplicate deliveries are DUP's) ------------------------------------- */
short qm[N];
/* ---- DynamoDB: the lock's item -------------------------------------------------------------------------------------------------- */
byte lown; byte lt; byte lf; bit lold; /* owner; instance and sequence as a row; fence; taken longer than a lease ago */
/* ---- the actions service -------------------------------------------------------------------------------------------------------- */
byte job[N]; byte ghosts;              /* by key; the requests whose senders have given up and that are still on their way */
byte age[N];                           /* of a key: 1 older than 20 h, 2 forgotten by the service */
/* ---- invocations ---------------------------------------------------------------------------------------------------------------- */
byte wt[5]; byte wk[5]; byte wf[5];    /* task, fence of the message, fence held */
bit frozen[5]; bit lock_lost[5]; bit incall[5];
/* ---- what the properties need ----------------------------------------------------------------------------------------------------- */
byte eff[N]; byte comp[N]; bit zombie[N]; /* effects by key, completions, a frozen invocation sent it after all */
byte lost[N];                          /* begins of the row that ended in an expired lease, whatever was committed in between */
byte fb = FAULTS; byte ob = OPS; bit wiped;

hidden byte v_; hidden byte w_; hidden byte n_; hidden byte u_; hidden byte r_;
hidden byte dlu; hidden byte dto; hidden byte dn; hidden byte drun; hidden byte di; hidden byte dunk; hidden byte datt; hidden byte difs; hidden byte dkey; hidden byte djid;
hidden byte was; hidden byte nx; hidden byte row; hidden byte new_status; hidden byte reply; hidden byte sent; hidden byte yes; hidden byte nrs; hidden byte cancels;

/* ---- fences: they only grow, and only those of one task are ever compared. Fences that no party remembers are dropped and the rest renumbered. -- */
#define holds_fence(w, t, v) (wt[w] == t && (wk[w] == v || wf[w] == v))
inline next_fence(t) {
  d_step {
    if :: (cm[t] != 0 && !(wt[1] == t && wf[1] == cm[t]) && !(wt[2] == t && wf[2] == cm[t]) && !(wt[TICK] == t && wf[TICK] == cm[t])) -> cm[t] = 0 :: else fi;
    if :: (cf[t] != 0 && cf[t] != ANY && !(wt[1] == t && wk[1] == cf[t]) && !(wt[2] == t && wk[2] == cf[t]) && !(qm[t] & bit_(cf[t]))) -> cf[t] = ANY :: else fi;
    v_ = 1; n_ = 0;
    do
    :: v_ > MAXF -> break
    :: else ->
       r_ = ((qm[t] & bit_(v_)) || f[t] == v_ || cf[t] == v_ || cm[t] == v_ || (lown && lt == t && lf == v_) ||
             holds_fence(1, t, v_) || holds_fence(2, t, v_) || holds_fence(TICK, t, v_));
       if
       :: r_ ->
          n_++;
          if
          :: n_ != v_ ->
             if :: (qm[t] & bit_(v_)) -> qm[t] = (qm[t] & ~bit_(v_)) | bit_(n_) :: else fi;
             if :: f[t] == v_ -> f[t] = n_ :: else fi;
             if :: cf[t] == v_ -> cf[t] = n_ :: else fi;
             if :: cm[t] == v_ -> cm[t] = n_ :: else fi;
             if :: (lown && lt == t && lf == v_) -> lf = n_ :: else fi;
             w_ = 1;
             do
             :: w_ > TICK -> break
             :: else ->
                if :: (wt[w_] == t && wk[w_] == v_) -> wk[w_] = n_ :: else fi;
                if :: (wt[w_] == t && wf[w_] == v_) -> wf[w_] = n_ :: else fi;
                w_++
             od
          :: else
          fi
       :: else
       fi;
       v_++
    od;
    f[t] = n_ + 1;
    assert(f[t] <= MAXF)                              /* the model is large enough */
  }
}

/* ---- what must be true after each transaction on an instance ------------------------------------------------------------------------ */
inline check(i) {
  d_step {
    v_ = i * NT; n_ = 0;
    do
    :: v_ == (i + 1) * NT -> break
    :: else ->
       if :: islive(v_) -> n_++ :: else fi;
       assert(comp[v_] <= 1);                          /* I3 */
       assert(att[v_] <= MAXATT && rp[v_] <= MAXRECLAIM); /* I8 */
       v_++
    od;
    assert(n_ == (live(i) -> 1 : 0))                   /* I2 */
#if NI > 1
    ; assert(!(live(0) && live(1)))                    /* I1 */
#endif
  }
}
/* A stopped instance leaves nothing at the service, but where it says so and where a frozen invocation sent after all. */
#define left_behind(k) (!zombie[k] && (job[k] == OPEN || (job[k] == NONE && (ghost(k) || (incall[1] && !frozen[1] && wt[1] == k) || (incall[2] && !frozen[2] && wt[2] == k)))))
inline check_stopped(i) {
  d_step {
    v_ = i * NT;
    do
    :: v_ == (i + 1) * NT -> break
    :: else -> assert(!(is[i] == STOPPED && !unconfirmed[i] && left_behind(v_))); v_++
    od;
    v_ = 0
  }
}
/* I5: a new key only after the service called the work of every older one failed or cancelled, or surely never got it. */
#define sending(k) (ghost(k) || (incall[1] && wt[1] == k) || (incall[2] && wt[2] == k))
inline check_new_key(t) {
  d_step {
    v_ = inst(t) * NT;
    do
    :: v_ == t -> break
    :: else -> assert(ph[v_] != SUBMIT || job[v_] >= JOB_FAILED || (job[v_] == NONE && !sending(v_))); v_++
    od;
    v_ = 0
  }
}

/* ---- initial_task_status: where a task of an instance in status s begins its life -------------------------------------------------------------- */
inline initial_status(s, p, chained) {
  if
  :: (s == PAUSED && p != CANCEL && !(M_SUCCESSOR_ALWAYS_RUNS && chained)) -> new_status = HELD
  :: (gp && p != CANCEL && !(s == PAUSED) && !(M_SUCCESSOR_ALWAYS_RUNS && chained)) -> new_status = PENDING
  :: else -> if :: chained -> new_status = RUNNING :: else -> new_status = QUEUED fi
  fi
}
inline insert_row(r, p, a, k, j, stop) {               /* with status new_status; begun by the committing delivery */
  assert((r) / NT == (r - 1) / NT && st[r] == NONE);   /* the primary key; and the model is large enough */
  if :: p == SUBMIT -> check_new_key(r); key[r] = r :: else -> key[r] = k fi;
  st[r] = new_status; ph[r] = p; att[r] = a; jid[r] = j; rs[r] = stop;
  last[(r) / NT] = r;
  if :: (new_status == QUEUED || new_status == RUNNING) -> next_fence(r); sd[r] = (new_status == QUEUED) :: else fi;
  if :: new_status == RUNNING -> cf[r] = f[r]; cg[r] = (p == CANCEL) :: else fi
}
inline finish(t, s) {                                  /* what no guard can ask for any more is set back, for fewer states */
  st[t] = s; lx[t] = 0; rp[t] = 0; lost[t] = 0; sd[t] = 0; cf[t] = 0; cg[t] = 0; lu[t] = 0;
  if :: s == COMPLETED -> comp[t]++ :: else fi
}

/* ---- plan: the decision for an outcome, from the row as it was begun (domain/plan.py, failure.py, polling.py, plan_context.py) ------- */
inline give_up(t, u, tried, look, stops) {             /* failure.given_up, failure.failed, failure.unconfirmed */
  dto = FAILED; dunk = u; datt = att[t] + (tried && !lu[t]); di = FAILED; difs = u;
  if
  :: look && ph[t] == SUBMIT && u && !lu[t] && !M_FAILS_UNASKED && !M_NO_LOOK_UP -> rare(LOOKED_UP); dto = RESCHEDULE; di = NONE; dlu = 1
  :: ph[t] == CANCEL && stops -> di = STOPPED; dunk = 1; difs = 0
  :: ph[t] == CANCEL && !stops -> dunk = 0; difs = 1
  :: else
  fi
}
inline reschedule(t, u, a) { dto = RESCHEDULE; dunk = (unk[t] || u); datt = a; difs = (ph[t] == POLL || (ph[t] == SUBMIT && dunk)) }
inline plan(t, o, stops, undeliverable) {
  dlu = lu[t];
  dto = COMPLETED; dn = NONE; drun = 0; di = NONE; dunk = 0; datt = att[t]; difs = 0; dkey = key[t]; djid = jid[t];
  if
  :: o == LEASE_EXPIRED ->
     if
     :: (rp[t] >= MAXRECLAIM || undeliverable) -> give_up(t, (ph[t] == SUBMIT || ph[t] == POLL), 0, 0, stops)
     :: else ->
        reschedule(t, (ph[t] == SUBMIT && !M_EXPIRED_IS_KNOWN), att[t]);
        /* The last run before the limit is a look-up; here any run may be, so that few reclaims reach both. */
        if :: (ph[t] == SUBMIT && !lu[t]) -> dlu = 1 :: true fi
     fi
  :: (o == DEFER || o == CONTINUE) -> reschedule(t, 0, att[t])
  :: o == LATE -> dn = CANCEL; drun = 1; difs = 1
  :: (o == DONE && ph[t] == TIMER) -> dn = SUBMIT; drun = 1; datt = 0
  :: (o == DONE && ph[t] == SUBMIT) -> dn = POLL; djid = 1; difs = 1; datt = att[t] + !lu[t]
  :: (o == DONE && ph[t] == POLL) -> di = COMPLETED
  :: (o == DONE && ph[t] == CANCEL) ->
     if
     :: stops -> di = STOPPED
     :: (!stops && job[key[t]] == SUCCEEDED) -> di = COMPLETED
     :: else -> di = FAILED; dkey = NOKEY
     fi
  :: (o == RETRY || o == UNKNOWN) ->
     u_ = (o == UNKNOWN && ph[t] == SUBMIT) || unk[t];
     if
     :: att[t] + 1 >= MAXATT -> give_up(t, u_, 1, 1, stops)
     :: (att[t] + 1 < MAXATT && M_NEW_KEY && ph[t] == SUBMIT) -> dto = FAILED; dn = SUBMIT; datt = att[t] + 1
     :: (att[t] + 1 < MAXATT && !(M_NEW_KEY && ph[t] == SUBMIT)) -> reschedule(t, u_, att[t] + 1)
     fi
  :: o == FAIL -> give_up(t, unk[t], 1, 1, stops)
  :: o == ABSENT ->                                    /* failure.absent */
     if
     :: (lu[t] == 3 || M_LOOKS_UP_ONCE) -> rare(ABSENT_TWICE); give_up(t, 1, 0, 0, stops)
     :: else -> reschedule(t, 0, att[t]); if :: lu[t] < 2 -> dlu = 2 :: else fi
     fi
  :: o == REDO ->                                      /* of a poll: the job failed */
     if
     :: att[t] >= MAXATT -> give_up(t, 0, 0, 0, stops)
     :: else -> dto = FAILED; dn = SUBMIT
     fi
  fi
}

/* ---- SQS ---------------------------------------------------------------------------------------------------------------------- */
inline send(t) {
  if
  :: qm[t] = qm[t] | bit_(f[t])
  :: (F_LOSS && fb > 0) -> fb--
  fi
}

/* ---- commit_tasks. reply: 0 stale, 1 accepted, 2 accepted and the successor is mine. sent: the row to send once the reply has arrived - */
inline commit(me, t, o, stops, granted, undeliverable, did) {
  reply = 0; sent = N;
  if
  :: ((st[t] == RUNNING || M_COMMIT_ANY_STATUS) && (f[t] == wf[me] || M_COMMIT_ANY_FENCE)) ->
     assert(st[t] == RUNNING && f[t] == wf[me] && by[t] == me);   /* I4: a stale fence changes nothing */
     reply = 1;
     was = is[inst(t)];
     plan(t, o, stops, undeliverable);
     nrs = (was == STOPPING); did = (dto != RESCHEDULE);
     cancels = (dto == RESCHEDULE && ph[t] == CANCEL);
     if                                                /* what follows: after a stop nothing but a cancel */
     :: was != STOPPING -> nx = dn
     :: (was == STOPPING && (cancels || di == STOPPED)) -> nx = NONE
     :: else -> nx = ((!M_STOP_FORGETS_JOB && (difs || dn == CANCEL)) -> CANCEL : NONE)
     fi;
     if                                                /* the instance */
     :: was != STOPPING && di != NONE -> is[inst(t)] = di
     :: was == STOPPING && nx == NONE && !cancels -> is[inst(t)] = STOPPED
     :: else
     fi;
     if :: (di == STOPPED && dto == FAILED) -> unconfirmed[inst(t)] = 1; rare(CANCEL_UNCONFIRMED) :: else fi;
     cm[t] = (M_COMMIT_FORGETS -> 0 : f[t]); att[t] = datt; unk[t] = dunk; lu[t] = dlu;
     /* A write fails as unknown only if the service knows nothing of it and no request is on its way. */
     assert(M_NO_LOOK_UP || !(dto == FAILED && ph[t] == SUBMIT && dunk && o != LEASE_EXPIRED) || (job[t] == NONE && !left_behind(t)) || age[t] || zombie[t]);
     if                                                /* the row */
     :: (dto == RESCHEDULE && (was != STOPPING || ph[t] == CANCEL)) ->
        initial_status(was, ph[t], 0);
        if :: new_status == QUEUED -> new_status = PENDING :: (new_status != QUEUED || lu[t] != 2) fi;     /* within the horizon, or not */
        st[t] = new_status; lx[t] = 0; by[t] = 0;
        assert(o != LEASE_EXPIRED || lost[t] < MAXRECLAIM);          /* I8: a row that loses its workers ends */
        if :: (M_RECLAIMS_FORGOTTEN && cf[t] != 0) -> rp[t] = 0 :: else fi;
        cf[t] = 0; sd[t] = (new_status == QUEUED);
        if :: new_status == QUEUED -> next_fence(t); sent = t :: else fi
     :: (dto == RESCHEDULE && !(was != STOPPING || ph[t] == CANCEL)) -> finish(t, CANCELLED)
     :: dto != RESCHEDULE -> key[t] = dkey; finish(t, dto)
     fi;
     if                                                /* the next row */
     :: nx != NONE ->
        initial_status(was, nx, (was != STOPPING && drun && granted));
        if :: ph[t] == SUBMIT -> dkey = t :: else fi;
        if :: nx == CANCEL -> datt = 0 :: else fi;
        row = t + 1;
        insert_row(row, nx, datt, dkey, djid, nrs);
        if
        :: new_status == RUNNING ->
           by[row] = me; reply = 2;
           assert((is[inst(t)] == ACTIVE && !gp) || nx == CANCEL)   /* I7 */
        :: new_status == QUEUED -> sent = row
        :: else
        fi
     :: else
     fi;
     check(inst(t)); check_stopped(inst(t))
  :: else ->
     if
     :: (cm[t] != 0 && cm[t] == wf[me]) ->             /* repeated after a lost reply: the successor as it is now */
        reply = 1;
        rare(COMMIT_REPEATED);
        if
        :: (t % NT < NT - 1 && st[t + 1] == RUNNING && (by[t + 1] == me || M_REPEAT_ANY_OWNER)) -> reply = 2; rare(REPEATED_COMMIT_GOES_ON)
        :: (t % NT < NT - 1 && st[t + 1] == QUEUED) -> sent = t + 1
        :: (st[t] == QUEUED) -> sent = t
        :: else
        fi
     :: else -> rare(COMMIT_STALE); assert(FAULTS);    /* stale; without faults no attempt is thrown away */
        assert(!did)                                   /* I3: a repeated commit is answered like the first */
     fi
  fi
}

/* ---- the lock: one conditional update ------------------------------------------------------------------------------------------- */
#define gives_way(me, t, k) (lown == 0 || lown == me \
  || (!M_LOCK_KEPT_BY_THE_DEAD && inst(lt) == inst(t) && (lt < t || (lt == t && lf < k) || M_LOCK_ANY_ORDER)) \
  || (!M_DEAD_HOLDER_KEEPS && lt == t && lf == k && lold))
/* I4: no delivery loses the lock during a call before its lease expires. */
inline check_undisturbed(me) { assert(lown == me || lown == TICK || lown == GONE || lown == 0 || !incall[lown] || frozen[lown]) }
inline take_lock(me, t, k) {
  if
  :: gives_way(me, t, k) ->
     if
     :: (lown == 1 || lown == 2) && lown != me -> rare(LOCK_TAKEN_FROM_A_LIVING); check_undisturbed(me); if :: frozen[lown] -> lock_lost[lown] = 1 :: else fi
     :: lown == GONE && lt == t && lf == k -> rare(LOCK_TAKEN_FROM_A_DEAD)
     :: else
     fi;
     lown = me; lt = t; lf = k; lold = 0; lock_lost[me] = 0; yes = 1
  :: else -> yes = 0
  fi
}
inline drop_lock() { lown = 0; lt = 0; lf = 0; lold = 0 }
inline unlock(me) {
  if
  :: (mine && (lown == me || M_RELEASE_ANY)) -> check_undisturbed(me); drop_lock()
  :: else
  fi;
  mine = 0
}

/* ---- the actions service takes a submit: a key that it knows is answered as before ------------------------------------------------ */
inline handle(k) {
  if
  :: (job[k] == NONE || age[k] == 2 || M_SERVICE_WITHOUT_KEYS) ->
     eff[k]++; assert(eff[k] <= 1);                    /* I5: one effect per key */
     /* I7: no call after a stop has ended */
     assert(zombie[k] || (is[inst(k)] != STOPPED && is[inst(k)] != COMPLETED) || unconfirmed[inst(k)]);
     job[k] = OPEN
  :: else
  fi
}
/* I4: no two calls at once whose locks hold, and none while another instance's request may still be on its way. */
inline check_alone(me, t) {
  assert(lock_lost[me] || !(incall[3 - me] && !lock_lost[3 - me]));
  d_step {
    v_ = 0;
    do
    :: v_ == N -> break
    :: else -> assert(inst(v_) == inst(t) || !ghost(v_) || job[v_] != NONE || lock_lost[me] || zombie[v_] || wiped); v_++
    od;
    v_ = 0
  }
}

/* ---- an invocation has ended or died ------------------------------------------------------------------------------------------------ */
inline end_delivery(me) {
  d_step {
    if :: lown == me -> lown = GONE :: else fi;
    v_ = 0;
    do
    :: v_ == N -> break
    :: else -> if :: by[v_] == me -> by[v_] = (st[v_] == RUNNING -> GONE : 0) :: else fi; v_++
    od;
    wt[me] = N; wk[me] = 0; wf[me] = 0; frozen[me] = 0; lock_lost[me] = 0; incall[me] = 0
  }
}
#define MAY_DIE :: (F_CRASH && fb > 0) -> fb--; goto killed

/* A phase up to its write at the service. out: what came of it, or NONE: a call is to be made. */
inline approach(t) {
  out = NONE;
  if
  :: deferred -> out = DEFER; deferred = 0
  :: !deferred && ph[t] == TIMER -> out = DONE
  :: !deferred && ph[t] == SUBMIT ->
     if
     :: (lu[t] || (unk[t] && age[t] && !M_NO_KEY_AGE)) ->
        if :: !lu[t] -> rare(OLD_KEY_LOOKED_UP) :: else fi;
        if
        :: out = ((job[t] != NONE && age[t] < 2) -> DONE : ABSENT)
        :: (F_VENDOR && fb > 0) -> fb--; out = DEFER
        fi
     :: else
     fi
  :: !deferred && ph[t] == POLL ->
     if
     :: job[key[t]] == OPEN -> out = CONTINUE
     :: (job[key[t]] == OPEN && F_LATE && fb > 0) -> fb--; out = LATE
     :: job[key[t]] == SUCCEEDED -> out = DONE
     :: job[key[t]] >= JOB_FAILED -> out = REDO
     fi
  :: !deferred && ph[t] == CANCEL ->
     if
     :: jid[t] -> skip
     :: (!jid[t] && job[key[t]] == OPEN) -> skip
     :: (!jid[t] && job[key[t]] > OPEN) -> out = DONE
     :: (!jid[t] && job[key[t]] == NONE) -> rare(CANCEL_FINDS_NOTHING); out = ((cg[t] == 2 || M_CANCEL_LOOKS_ONCE) -> DONE : DEFER)
     fi
  fi
}

#define MESSAGE(T, K) :: (qm[T] & bit_(K)) -> t = T; wk[me] = K
#define MESSAGES(T) MESSAGE(T, 1) MESSAGE(T, 2) MESSAGE(T, 3) MESSAGE(T, 4) MESSAGE(T, 5) MESSAGE(T, 6) MESSAGE(T, 7) MESSAGE(T, 8) MESSAGE(T, 9)

/* One delivery (services/stepping/loop.py, delivery.py). Its number is its delivery id; what it leaves behind belongs to GONE before the next one starts. */
proctype Delivery(byte me) {
  byte t = 0; byte out = 0;
  bit mine = 0;                                        /* AccountLock._held */
  bit deferred = 0; bit lock_releasable = 0; bit stops = 0; bit granted = 0; bit saw_pause = 0; bit handled = 0; bit did = 0;   /* did: the first commit was accepted, its reply lost */

end_idle:
  atomic {                                             /* receive, and take the lock for a write */
    if
    MESSAGES(0)
    MESSAGES(1)
#if N > 2
    MESSAGES(2)
#endif
#if N > 3
    MESSAGES(3)
#endif
#if N > 4
    MESSAGES(4)
#endif
#if N > 5
    MESSAGES(5)
#endif
#if N > 6
    MESSAGES(6)
#endif
#if N > 7
    MESSAGES(7)
#endif
    fi;
    wt[me] = t;
    if :: (F_DUP && fb > 0) -> fb-- :: qm[t] = qm[t] & ~bit_(wk[me]) fi;
    lock_releasable = 1; saw_pause = gp;
    if
    :: (!writes(ph[t]) || M_NO_LOCK)
    :: (writes(ph[t]) && !M_NO_LOCK) ->
       if
       :: (F_LOCK && fb > 0) -> fb--; deferred = 1; if :: true :: take_lock(me, t, wk[me]) fi       /* no response: written or not */
       :: true ->
          take_lock(me, t, wk[me]);
          if
          :: yes -> mine = 1
          :: (!yes && lt == t && lf == wk[me]) ->      /* a duplicate is acknowledged and touches nothing */
             rare(DUPLICATE); assert(FAULTS || BACKLOG); goto release
          :: (!yes && !(lt == t && lf == wk[me])) -> rare(LOCK_HELD); assert(FAULTS || OPS || BACKLOG || NI > 1); deferred = 1
          fi
       fi
    fi
  }

begin:
  atomic {                                             /* begin_tasks */
    if
    MAY_DIE
    :: true ->
       if
       :: ((M_GLOBAL_READ_EARLY -> saw_pause : gp) && st[t] == QUEUED && f[t] == wk[me] && (ph[t] != CANCEL || M_CANCEL_HELD)) ->
          if :: !M_NOT_GIVEN_BACK -> st[t] = PENDING; lx[t] = 0; sd[t] = 0 :: else fi;
          rare(RELEASED_UNDER_PAUSE); goto release
       :: else ->
          if
          :: ((st[t] == QUEUED || (M_BEGIN_ANY_STATUS && islive(t) && st[t] != RUNNING)) && (f[t] == wk[me] || M_BEGIN_ANY_FENCE)
              && (M_BEGIN_ANY_INSTANCE || is[inst(t)] == ACTIVE || (ph[t] == CANCEL && (is[inst(t)] == STOPPING || is[inst(t)] == PAUSED)))) ->
             assert(st[t] == QUEUED && f[t] == wk[me]);            /* begun once per claim */
             assert((is[inst(t)] == ACTIVE && !gp) || ph[t] == CANCEL);  /* I7 */
             st[t] = RUNNING; cf[t] = wk[me]; by[t] = me; lx[t] = 0;
             if :: !M_BEGIN_KEEPS_FENCE -> next_fence(t) :: else fi;
             wf[me] = f[t];
             if :: (ph[t] == CANCEL && cg[t] == 0) -> cg[t] = 1 :: else fi
          :: else ->
             if
             :: (st[t] == RUNNING && cf[t] == wk[me] && (by[t] == me || M_BEGIN_FOR_ANY_DELIVERY)) ->   /* called again after a lost reply */
                rare(BEGIN_REPEATED); wf[me] = f[t]
             :: else -> assert(FAULTS || OPS || BACKLOG); goto release
             fi
          fi;
          if
          :: (F_REPLY && fb > 0) -> fb--; if :: goto begin :: goto release fi     /* called again, or abandoned */
          :: true
          fi;
          stops = (rs[t] || is[inst(t)] == STOPPING);
          approach(t);
          if :: out == NONE :: else -> goto planned fi
       fi
    fi
  }

call:
  atomic {                                             /* the write leaves */
    if
    MAY_DIE
    :: true ->
       if
       :: (frozen[me] && !M_NO_TIME_CHECK) ->
          if
          :: out = DEFER; goto planned                  /* out of time */
          :: zombie[t] = 1; rare(SENT_AFTER_A_FREEZE)        /* it froze after reading the clock: no check of ours can prevent that */
          fi
       :: else
       fi;
       if :: M_RELEASE_EARLY -> unlock(me) :: else fi;
       check_alone(me, t);
       incall[me] = 1; handled = 0;
       if :: ph[t] == SUBMIT -> handle(t); handled = 1 :: true fi      /* it may act at once, or when the answer is made */
    fi
  }
  atomic {                                             /* its end, as far as the caller knows */
    if
    :: (F_CRASH && fb > 0) ->
       fb--;
       if :: (ph[t] == SUBMIT && !handled) -> ghosts = ghosts | bit_(t); zombie[t] = (zombie[t] || frozen[me]) :: true fi;
       goto killed
    :: true ->
       if :: (ph[t] == SUBMIT && !handled) -> zombie[t] = (zombie[t] || frozen[me]); handle(t) :: (ph[t] == CANCEL && key[t] != NOKEY && job[key[t]] == OPEN) -> job[key[t]] = JOB_CANCELLED :: else fi;
       out = DONE
    :: (F_VENDOR && fb > 0) ->                         /* timeout, reset, 5xx: acted upon, or later, or never */
       fb--; out = UNKNOWN; lock_releasable = 0;
       if
       :: (ph[t] == SUBMIT && !handled) -> ghosts = ghosts | bit_(t); zombie[t] = (zombie[t] || frozen[me])
       :: (ph[t] == CANCEL && key[t] != NOKEY && job[key[t]] == OPEN) -> job[key[t]] = JOB_CANCELLED
       :: true
       fi
    :: (F_VENDOR && fb > 0 && !handled) -> fb--; if :: out = DEFER :: out = RETRY fi       /* 429, or no answer to a question before */
    :: (F_VENDOR && fb > 0 && ph[t] == SUBMIT && !handled && job[t] == NONE) -> fb--; out = FAIL   /* 4xx */
    fi;
    /* What an earlier try under this key sent may still be on its way. */
    if :: (ph[t] == SUBMIT && unk[t] && out != DONE && !M_EARLIER_FORGOTTEN) -> lock_releasable = 0 :: else fi;
    incall[me] = 0; handled = 0
  }

planned:
  atomic {                                             /* a chain into a write takes or renews the lock first */
    if
    MAY_DIE
    :: true ->
       granted = 0;
       if
       :: ((out == DONE && ph[t] == TIMER) || out == LATE) && !frozen[me] ->
          if
          :: M_CHAIN_UNLOCKED -> granted = 1
          :: !M_CHAIN_UNLOCKED && F_LOCK && fb > 0 -> fb--; mine = 0
          :: !M_CHAIN_UNLOCKED -> take_lock(me, t + 1, 0); granted = yes; mine = yes
          fi
       :: else
       fi
    fi
  }
commits:
  atomic {                                             /* commit_tasks, and the send that follows */
    if
    MAY_DIE
    :: true ->
       commit(me, t, out, stops, granted, 0, did);
       if
       :: (F_REPLY && fb > 0) -> fb--; if :: goto commits :: lock_releasable = 0; goto release fi
       :: true
       fi;
       if :: sent < N -> send(sent) :: else fi;
       if
       :: reply == 2 -> did = 0; t++; wt[me] = t; wk[me] = 0; wf[me] = f[t]; stops = rs[t]; approach(t); if :: out == NONE -> goto call :: else -> goto planned fi
       :: else
       fi
    fi
  }
release:
  atomic {                                             /* unlock if the ends of call and commit are known; acknowledge */
    if
    MAY_DIE
    :: true -> if :: (lock_releasable || M_RELEASE_UNKNOWN) -> unlock(me) :: else fi
    fi;
    end_delivery(me); mine = 0; t = 0; out = 0; deferred = 0; lock_releasable = 0; stops = 0; granted = 0; saw_pause = 0; did = 0;
    goto end_idle
  }
killed:
  atomic {                                             /* the message may be delivered again */
    if :: wk[me] != 0 -> qm[wt[me]] = qm[wt[me]] | bit_(wk[me]) :: true fi;
    end_delivery(me); mine = 0; t = 0; out = 0; deferred = 0; lock_releasable = 0; stops = 0; granted = 0; saw_pause = 0; handled = 0; did = 0;
    goto end_idle
  }
}

/* ---- the tick (services/ticking/dispatch.py, reclaim.py) -------------------------------------------------------------------------------- */
#define under_pause(t) (!gp || (ph[t] == CANCEL && !M_CANCEL_HELD))
proctype Claim(byte i) {                               /* claim_due_tasks, then send */
  bit first = 0;
end_idle:
  do
  :: atomic { (!M_SEND_FIRST && live(i) && st[last[i]] == PENDING && lu[last[i]] != 2 && under_pause(last[i])) ->
       st[last[i]] = QUEUED; lx[last[i]] = 0; sd[last[i]] = 1; next_fence(last[i]); send(last[i]) }
  :: atomic { (M_SEND_FIRST && !first && live(i) && st[last[i]] == PENDING && under_pause(last[i])) -> next_fence(last[i]); send(last[i]); first = 1 }
  :: atomic { (M_SEND_FIRST && first) -> first = 0; if :: st[last[i]] == PENDING -> st[last[i]] = QUEUED; lx[last[i]] = 0; sd[last[i]] = 1 :: else fi }
  od
}
proctype Resend(byte i) {                              /* resend_expired, then send */
end_idle:
  do
  :: atomic { (!M_NO_RESEND && live(i) && st[last[i]] == QUEUED && lx[last[i]] && (!MAXSEND || sd[last[i]] < MAXSEND) && under_pause(last[i])) ->
       rare(RESENT);
       lx[last[i]] = 0; if :: MAXSEND -> sd[last[i]]++ :: else fi;
       if
       :: (M_RESEND_NEW_FENCE && qm[last[i]] < bit_(5)) -> next_fence(last[i]); send(last[i])
       :: else -> send(last[i])
       fi }
  od
}
proctype Reclaim(byte i) {                            /* reclaim_expired, plan, commit, send */
  byte t; bit stops; bit undeliverable; bit did;
end_idle:
  atomic {
    (wt[TICK] == N && live(i) && !M_NO_RECLAIM && ((st[last[i]] == RUNNING && (lx[last[i]] || M_RECLAIM_LEASED))
                || (st[last[i]] == QUEUED && lx[last[i]] && MAXSEND && sd[last[i]] >= MAXSEND && under_pause(last[i])))) ->
    t = last[i];
    rare(RECLAIMED);
    if :: (st[t] == RUNNING && cf[t] != 0) -> lost[t]++ :: else fi;
    if :: (st[t] == RUNNING && (cf[t] != 0 || M_RECLAIMS_EVERY)) -> rp[t]++; sd[t] = 0 :: else fi;
    undeliverable = (MAXSEND && sd[t] >= MAXSEND);
    if :: undeliverable -> rare(UNDELIVERABLE) :: else fi;
    st[t] = RUNNING; cf[t] = 0; by[t] = TICK; lx[t] = 0;
    wt[TICK] = t;
    if :: !M_BEGIN_KEEPS_FENCE -> next_fence(t) :: else fi;
    wf[TICK] = f[t]; stops = (rs[t] || is[i] == STOPPING);
    if :: (rp[t] >= MAXRECLAIM) -> rare(CRASH_LOOP) :: else fi;
    check(i)
  }
commits:
  atomic {
    if
    :: (F_CRASH && fb > 0) -> fb--
    :: true ->
       commit(TICK, t, LEASE_EXPIRED, stops, 0, undeliverable, did);
       if
       :: (F_REPLY && fb > 0) -> fb--; if :: goto commits :: true fi
       :: true -> if :: sent < N -> send(sent) :: else fi
       fi
    fi;
    end_delivery(TICK); t = 0; stops = 0; undeliverable = 0; did = 0;
    goto end_idle
  }
}

/* ---- time: what may run out, and when. A lease (90 s) and a lock (300 s) outlast any request on its way (call timeout: 40 s) ---------------------------------------------------------------------------------------------------- */
proctype Leases(byte i) {
end_idle:
  do
  :: atomic { (!ghosts && live(i) && st[last[i]] == RUNNING && !lx[last[i]] && (by[last[i]] == GONE || frozen[by[last[i]]])) -> lx[last[i]] = 1 }
  :: atomic { (F_FREEZE && fb > 0 && !ghosts && live(i) && st[last[i]] == RUNNING && !lx[last[i]] && by[last[i]] != GONE && !frozen[by[last[i]]]) ->
       fb--; frozen[by[last[i]]] = 1; lx[last[i]] = 1 }
  :: atomic { (!ghosts && live(i) && st[last[i]] == QUEUED && !lx[last[i]] && ((BACKLOG && few(qm[last[i]])) || (!(qm[last[i]] & bit_(f[last[i]]))
               && !(wt[1] == last[i] && wk[1] == f[last[i]]) && !(wt[2] == last[i] && wk[2] == f[last[i]])))) -> lx[last[i]] = 1 }
  /* A cancel was begun a call's timeout ago: no request that left before it is still on its way. */
  :: atomic { (live(i) && ph[last[i]] == CANCEL && cg[last[i]] == 1 && !ghost(key[last[i]]) && !(incall[1] && !frozen[1] && wt[1] == key[last[i]])
               && !(incall[2] && !frozen[2] && wt[2] == key[last[i]])) -> cg[last[i]] = 2 }
  /* A submit was looked up in vain a call's timeout ago: so too. */
  :: atomic { (live(i) && lu[last[i]] == 2 && st[last[i]] != RUNNING && !ghost(last[i]) && !(incall[1] && !frozen[1] && wt[1] == last[i])
               && !(incall[2] && !frozen[2] && wt[2] == last[i])) -> lu[last[i]] = 3 }
  od
}
proctype LockTime() {
end_idle:
  do
  :: atomic { (lown != 0 && !lold && !ghosts && (lown == GONE || frozen[lown])) -> lold = 1 }
  :: atomic { (lown != 0 && !lold && !ghosts && lown != GONE && !frozen[lown] && F_FREEZE && fb > 0) -> fb--; frozen[lown] = 1; lold = 1 }
  :: atomic { (!M_NO_EXPIRY && lown != 0 && lold && !ghosts) ->
       if :: lown != GONE -> lock_lost[lown] = 1; rare(LOCK_EXPIRED_ON_A_LIVING) :: else fi; drop_lock() }
  :: atomic { (F_WIPE && fb > 0 && lown != 0) -> fb--; if :: lown != GONE -> lock_lost[lown] = 1 :: else fi; wiped = 1; drop_lock() }
  od
}
#define JOBS(K) \
  :: atomic { ghost(K) -> ghosts = ghosts & ~bit_(K); if :: handle(K) :: true fi } \
  :: atomic { job[K] == OPEN -> job[K] = SUCCEEDED } \
  :: atomic { (job[K] == OPEN && F_JOB && fb > 0) -> fb--; job[K] = JOB_FAILED } \
  :: atomic { (F_AGE && fb > 0 && ph[K] == SUBMIT && unk[K] && age[K] == 0 && !ghost(K) && wt[1] != K && wt[2] != K) -> fb--; age[K] = 1 } \
  :: atomic { (F_AGE && age[K] == 1 && !ghost(K) && wt[1] != K && wt[2] != K) -> age[K] = 2 }
proctype Service() {
end_idle:
  do
  JOBS(0)
  JOBS(1)
#if N > 2
  JOBS(2)
#endif
#if N > 3
  JOBS(3)
#endif
#if N > 4
  JOBS(4)
#endif
#if N > 5
  JOBS(5)
#endif
#if N > 6
  JOBS(6)
#endif
#if N > 7
  JOBS(7)
#endif
  od
}

/* ---- people -------------------------------------------------------------------------------------------------------------------------------- */
inline touch(t, s) { st[t] = s; lx[t] = 0; sd[t] = (s == QUEUED); next_fence(t); if :: s == QUEUED -> send(t) :: else fi }
proctype People(byte i) {
  byte t;
end_idle:
  do
  :: atomic { (O_PAUSE && ob > 0 && is[i] == ACTIVE) ->              /* pause_workflow */
       ob--; t = last[i]; is[i] = PAUSED;
       if
       :: ((st[t] == PENDING || st[t] == QUEUED) && ph[t] != CANCEL && !M_PAUSE_LEAVES_TASK) -> touch(t, HELD)
       :: else
       fi;
       t = 0; check(i) }
  :: atomic { (is[i] == PAUSED) ->                                   /* resume_workflow */
       t = last[i]; is[i] = ACTIVE;
       if
       :: st[t] == HELD -> initial_status(ACTIVE, ph[t], 0); if :: new_status == QUEUED -> new_status = PENDING :: true fi; touch(t, new_status)
       :: else
       fi;
       t = 0; check(i) }
  :: atomic { (O_STOP && ob > 0 && (is[i] == ACTIVE || is[i] == PAUSED)) ->   /* stop_workflow */
       ob--; t = last[i];
       if
       :: (st[t] == RUNNING && !M_STOP_AT_ONCE) -> is[i] = STOPPING
       :: (st[t] != RUNNING && ph[t] == CANCEL) -> is[i] = STOPPING; rs[t] = 1
       :: else ->
          finish(t, CANCELLED); next_fence(t);
          if
          :: (ph[t] == POLL || (ph[t] == SUBMIT && unk[t] && !M_STOP_FORGETS_UNKNOWN)) ->
             is[i] = STOPPING; new_status = QUEUED;
             dkey = key[t]; djid = jid[t]; row = t + 1;
             insert_row(row, CANCEL, 0, dkey, djid, 1); send(row)
          :: else -> is[i] = STOPPED
          fi
       fi;
       t = 0; check(i); check_stopped(i) }
  :: atomic { (O_RETRY && ob > 0 && is[i] == FAILED && (M_TWO_LIVE || NI == 1 || !live(NI - 1 - i))) ->   /* retry_workflow */
       ob--; t = last[i]; is[i] = ACTIVE;
       rare(RETRIED);
       if
       :: (unk[t] && ph[t] != CANCEL && !M_RETRY_NEW_TASK) -> att[t] = 0; rp[t] = 0; lost[t] = 0; lu[t] = 0; touch(t, (gp -> PENDING : QUEUED))
       :: else ->
          nx = ((ph[t] == CANCEL && key[t] != NOKEY) -> POLL : SUBMIT);
          initial_status(ACTIVE, nx, 0);
          dkey = key[t]; djid = (nx == POLL); row = t + 1;
          insert_row(row, nx, 0, dkey, djid, 0);
          if :: new_status == QUEUED -> send(row) :: else fi
       fi;
       t = 0; check(i) }
  :: atomic { (O_GLOBAL && ob > 0 && !gp && i == 0) -> ob--; gp = 1 }   /* pause_all */
  :: atomic { (gp && i == 0 && !FOR_EVER) -> gp = 0 }                                 /* resume_all */
  od
}
proctype Import() {                                                     /* start_workflows */
#if NI > 1
  atomic { (M_TWO_LIVE || !live(0)) ->
    is[1] = ACTIVE; initial_status(ACTIVE, SUBMIT, 0);
    st[NT] = new_status; ph[NT] = SUBMIT; key[NT] = NT; last[1] = NT;
    if :: new_status == QUEUED -> next_fence(NT); sd[NT] = 1; send(NT) :: else fi;
    check(1) }
#endif
  skip
}

init {
  atomic {
    wt[0] = N; wt[1] = N; wt[2] = N; wt[TICK] = N; wt[GONE] = N;
    is[0] = ACTIVE; st[0] = PENDING; ph[0] = FIRST; key[0] = (FIRST == SUBMIT -> 0 : NOKEY);
    run Delivery(1); run Delivery(2);
    run Claim(0); run Resend(0); run Reclaim(0); run Leases(0); run LockTime(); run Service();
    if :: OPS -> run People(0) :: else fi;
#if NI > 1
    run Import(); run Claim(1); run Resend(1); run Reclaim(1); run Leases(1);
    if :: OPS -> run People(1) :: else fi
#endif
  }
}

#define ended(i) (is[i] == COMPLETED || is[i] == FAILED || is[i] == STOPPED)
#if NI > 1
#define all_ended (ended(0) && ended(1))
#else
#define all_ended ended(0)
#endif
/* I6: everything ends, whatever happened; a failure counts as an end while an operator may retry it. */
#ifdef EVENTUALLY
#if FOR_EVER
ltl stops { [] ((is[0] == STOPPING) -> <> (is[0] != STOPPING)) }
#else
ltl ends { <> (all_ended && !(O_RETRY && ob > 0 && is[0] == FAILED)) }
#endif
#endif
