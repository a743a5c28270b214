/* Sends requests to kes-respond and says what became of each.
 *
 *     cc -o respond respond.c -ljansson
 *     ./respond [PROGRAM] < requests.jsonl
 *
 * A request a line on standard input, a result a line on standard output (id,
 * outcome, message, with tabs between), progress on standard error. Ctrl-C takes
 * back what has not been sent yet; twice ends the program at once. Needs POSIX and
 * jansson (Debian: libjansson-dev). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A growing text: what is read until a line is whole, or not written yet. */
struct text { char *at; size_t len, room; };

static void add(struct text *t, const char *from, size_t len) {
  if (t->len + len + 1 > t->room) {
    t->room = 2 * (t->len + len + 1);
    if (!(t->at = realloc(t->at, t->room))) abort();
  }
  memcpy(t->at + t->len, from, len);
  t->at[t->len += len] = 0;
}

static void drop(struct text *t, size_t len) {
  memmove(t->at, t->at + len, t->len - len);
  t->len -= len;
}

static json_t *open_requests; /* id as JSON -> true, until its result */
static json_t *lines;         /* number of the line -> id as JSON */
static long sent;
static struct text out;       /* to kes-respond */
static int worst = 0;
static int wake[2];           /* the signal handler writes, poll hears */

/* Which exit code counts most, as the command line of kes-respond has it. */
static int rank_of(int code) {
  static const int order[] = {5, 1, 69, 77, 3, 65, 75, 7, 6, 4, 0};
  for (int i = 0; i < 11; i++)
    if (order[i] == code) return i;
  return 1;
}

static void saw(int code) {
  if (rank_of(code) < rank_of(worst)) worst = code;
}

static int lookup(const char *name, const char *const names[], const int codes[], int n) {
  for (int i = 0; i < n; i++)
    if (!strcmp(name, names[i])) return codes[i];
  return 1; /* what is not known is a failure */
}

static int exit_code(const char *outcome, const char *code) {
  static const char *const outcomes[] = {"succeeded", "submitted", "planned", "partial", "pending", "cancelled", "unknown"};
  static const int ends[] = {0, 0, 0, 7, 4, 6, 5};
  static const char *const names[] = {"bad_request", "duplicate_id", "host_not_found", "host_ambiguous", "policy", "suspended",
    "approval_required", "busy", "cap", "quota", "journal", "timeout", "unreachable", "tls", "ksc_unavailable", "login", "locked",
    "second_factor", "denied"};
  static const int codes[] = {65, 65, 65, 65, 3, 3, 3, 75, 75, 75, 75, 75, 69, 69, 69, 77, 77, 77, 77};
  if (!strcmp(outcome, "refused") || !strcmp(outcome, "failed")) return lookup(code, names, codes, 19);
  return lookup(outcome, outcomes, ends, 7);
}

static const char *member(json_t *event, const char *name) {
  const char *text = json_string_value(json_object_get(event, name));
  return text ? text : "";
}

static void result(const char *id, const char *outcome, const char *code, const char *message) {
  printf("%s\t%s\t%s\n", id, outcome, message);
  fflush(stdout);
  saw(exit_code(outcome, code));
  json_object_del(open_requests, id);
}

static void put(json_t *line, const char *id) {
  char *text = json_dumps(line, JSON_COMPACT);
  char number[32];
  snprintf(number, sizeof number, "%ld", ++sent);
  if (id) json_object_set_new(lines, number, json_string(id));
  add(&out, text, strlen(text));
  add(&out, "\n", 1);
  free(text);
}

/* request takes a line of ours; it gets an id, by which its events are known. */
static void request(const char *text, long number) {
  json_error_t e;
  if (!text[strspn(text, " \t\r")]) return;
  json_t *r = json_loads(text, JSON_REJECT_DUPLICATES, &e);
  if (!json_is_object(r)) {
    fprintf(stderr, "respond: line %ld is no request: %s\n", number, r ? "no object" : e.text);
    saw(65);
    json_decref(r);
    return;
  }
  if (!json_object_get(r, "id")) {
    char name[32];
    snprintf(name, sizeof name, "line-%ld", number);
    json_object_set_new(r, "id", json_string(name));
  }
  char *id = json_dumps(json_object_get(r, "id"), JSON_ENCODE_ANY | JSON_COMPACT);
  if (json_object_get(open_requests, id)) {
    fprintf(stderr, "respond: line %ld is no request: id %s is in use\n", number, id);
    saw(65);
  } else {
    json_object_set_new(open_requests, id, json_true());
    put(r, id);
  }
  free(id);
  json_decref(r);
}

/* event takes a line of kes-respond. It says 0 where that is no JSON: half a
 * line, and the stream is lost. */
static int event(const char *text) {
  json_error_t why;
  json_t *e = json_loads(text, 0, &why);
  if (!json_is_object(e)) {
    json_decref(e);
    return 0;
  }
  const char *type = member(e, "type");
  char *id = json_dumps(json_object_get(e, "id"), JSON_ENCODE_ANY | JSON_COMPACT);
  if (!strcmp(type, "result")) {
    result(id, member(e, "outcome"), member(json_object_get(e, "error"), "code"), member(e, "message"));
  } else if (!strcmp(type, "error")) {
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(json_object_get(e, "line")));
    char *of = strdup(member(lines, number));
    if (*of && json_object_get(open_requests, of)) result(of, "refused", member(e, "code"), member(e, "message"));
    else fprintf(stderr, "respond: %s\n", member(e, "message"));
    free(of);
  } else if (!strcmp(type, "accepted")) {
    fprintf(stderr, "%s\taccepted\n", id);
  } else if (!strcmp(type, "progress")) {
    fprintf(stderr, "%s\t%s\t%s\n", id, member(e, "stage"), member(e, "message"));
  } /* a type that is not known here is passed over */
  free(id);
  json_decref(e);
  return 1;
}

/* cancel takes back what was not sent to KSC yet. The results say what was. */
static void cancel(void) {
  const char *id;
  json_t *value;
  json_object_foreach(open_requests, id, value)
    put(json_pack("{s:s, s:o}", "type", "cancel", "target", json_loads(id, JSON_DECODE_ANY, NULL)), NULL);
}

static void interrupted(int number) {
  signal(number, SIG_DFL);
  if (write(wake[1], "", 1)) return;
}

static pid_t start(const char *program, int *in, int *from) {
  int a[2], b[2], failed[2];
  if (pipe2(a, O_CLOEXEC) || pipe2(b, O_CLOEXEC) || pipe2(failed, O_CLOEXEC)) return -1;
  pid_t pid = fork();
  if (pid == 0) {
    setsid(); /* Ctrl-C in the terminal is for us, and we cancel */
    dup2(a[0], 0);
    dup2(b[1], 1);
    execlp(program, program, "serve", (char *)NULL);
    if (write(failed[1], &errno, sizeof errno)) _exit(127);
    _exit(127);
  }
  close(a[0]); close(b[1]); close(failed[1]);
  int why;
  if (pid > 0 && read(failed[0], &why, sizeof why) == sizeof why) {
    errno = why;
    return -1;
  }
  *in = a[1];
  *from = b[0];
  fcntl(*in, F_SETFL, O_NONBLOCK);
  return pid;
}

/* each hands every whole line to a function; it says 0 when one is refused. */
static int each(struct text *t, int rest, int (*take)(const char *)) {
  char *end;
  while (t->len && ((end = memchr(t->at, '\n', t->len)) || rest)) {
    size_t len = end ? (size_t)(end - t->at) : t->len;
    t->at[len] = 0;
    int ok = take(t->at);
    drop(t, end ? len + 1 : len);
    if (!ok) return 0;
  }
  return 1;
}

static long number;
static int typed(const char *text) {
  request(text, ++number);
  return 1;
}

int main(int argc, char **argv) {
  const char *program = argc > 1 ? argv[1] : "kes-respond";
  int to, from, input = 0;
  struct text in = {0}, events = {0};
  char buffer[65536];
  signal(SIGPIPE, SIG_IGN);
  open_requests = json_object();
  lines = json_object();
  if (pipe2(wake, O_CLOEXEC | O_NONBLOCK)) return 1;
  signal(SIGINT, interrupted);
  signal(SIGTERM, interrupted);
  pid_t pid = start(program, &to, &from);
  if (pid < 0) {
    fprintf(stderr, "respond: %s: %s; nothing was sent\n", program, strerror(errno));
    return 69;
  }
  for (;;) { /* reading and writing side by side: neither waits for the other */
    struct pollfd p[] = {{input, POLLIN, 0}, {from, POLLIN, 0}, {out.len ? to : -1, POLLOUT, 0}, {wake[0], POLLIN, 0}};
    if (poll(p, 4, -1) < 0 && errno != EINTR) break;
    if (p[3].revents && read(wake[0], buffer, sizeof buffer) > 0) cancel();
    if (p[0].revents) {
      ssize_t n = read(input, buffer, sizeof buffer);
      if (n > 0) add(&in, buffer, n);
      each(&in, n <= 0, typed);
      if (n <= 0) input = -1;
    }
    if (p[1].revents) {
      ssize_t n = read(from, buffer, sizeof buffer);
      if (n <= 0) break;
      add(&events, buffer, n);
      if (!each(&events, 0, event)) break;
    }
    if (p[2].revents) {
      ssize_t n = write(to, out.at, out.len);
      if (n > 0) drop(&out, n);
      else if (n < 0 && errno != EAGAIN) out.len = 0; /* it has gone; the end of its events follows */
    }
    if (input < 0 && !out.len && to >= 0 && !json_object_size(open_requests)) { /* until then it may be cancelled */
      close(to);
      to = -1;
    }
  }
  if (input >= 0) {
    fprintf(stderr, "respond: kes-respond ended before the requests did: what has no result here was not sent\n");
    saw(69);
  }
  const char *id;
  json_t *value;
  void *next;
  json_object_foreach_safe(open_requests, next, id, value) {
    char *of = strdup(id);
    result(of, "unknown", "carrier_lost", "kes-respond went away without an answer: it may have happened. Send the request again "
      "with the same idempotencyKey, or see \"kes-respond recover\"");
    free(of);
  }
  waitpid(pid, NULL, 0);
  return worst;
}
