package ksc_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// reply writes a whole answer, or what the test wants instead of one, and
// says whether the connection lives on.
type reply func(w io.Writer, until <-chan struct{}) bool

// seen is a request as it arrived, whole.
type seen struct {
	method string // Class.Method
	path   string
	header http.Header
	body   string
	conn   int
}

// rogue is a server whose every byte the test decides, over net.Pipe.
type rogue struct {
	tls    *tls.Config
	answer func(s seen, nth int) reply

	mu    sync.Mutex
	seen  []seen
	dials int
	// handshakes failed, on the server's side
	refused []error
	done    chan struct{}
	serving sync.WaitGroup
}

func newRogue(t testing.TB, answer func(s seen, nth int) reply) *rogue {
	r := &rogue{
		tls:    &tls.Config{Certificates: []tls.Certificate{*plainCert()}, MaxVersion: tls.VersionTLS12},
		answer: answer, done: make(chan struct{}),
	}
	t.Cleanup(func() {
		close(r.done)
		r.serving.Wait()
	})
	return r
}

func (r *rogue) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	near, pipe := net.Pipe()
	far := &eager{Conn: pipe}
	far.arrived.L = &far.mu
	r.mu.Lock()
	r.dials++
	n := r.dials
	r.mu.Unlock()
	gone := make(chan struct{})
	r.serving.Go(far.pump)
	r.serving.Go(func() {
		defer close(gone)
		r.serve(far, n)
	})
	r.serving.Go(func() {
		select {
		case <-r.done:
		case <-gone:
		}
		far.Close()
	})
	return near, nil
}

// dialStuck is Dial, of a network that takes so many bytes and then drops the
// connection, or takes no more.
func (r *rogue) dialStuck(after int, drops bool) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := r.Dial(ctx, network, addr)
		return &stuck{Conn: c, left: after, drops: drops, closed: make(chan struct{})}, err
	}
}

type stuck struct {
	net.Conn
	left   int // written by one goroutine at a time
	drops  bool
	once   sync.Once
	closed chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	if s.left -= len(p); s.left >= 0 {
		return s.Conn.Write(p)
	}
	if !s.drops {
		<-s.closed
	}
	return 0, &net.OpError{Op: "write", Net: "tcp", Err: net.ErrClosed}
}

func (s *stuck) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

// eager is a connection that reads ahead without end, as a network does for a
// while: what the client writes never waits for the server.
type eager struct {
	net.Conn
	mu      sync.Mutex
	arrived sync.Cond
	buf     []byte
	err     error
}

func (e *eager) pump() {
	p := make([]byte, 4096)
	for {
		n, err := e.Conn.Read(p)
		e.mu.Lock()
		e.buf, e.err = append(e.buf, p[:n]...), err
		e.arrived.Broadcast()
		e.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (e *eager) Read(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.buf) == 0 && e.err == nil {
		e.arrived.Wait()
	}
	if len(e.buf) == 0 {
		return 0, e.err
	}
	n := copy(p, e.buf)
	e.buf = e.buf[n:]
	return n, nil
}

func (r *rogue) serve(far net.Conn, conn int) {
	c := tls.Server(far, r.tls)
	defer far.Close()
	if err := c.Handshake(); err != nil {
		r.mu.Lock()
		r.refused = append(r.refused, err)
		r.mu.Unlock()
		return
	}
	in := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		s := seen{strings.TrimPrefix(req.URL.Path, "/api/v1.0/"), req.URL.Path, req.Header, string(body), conn}
		r.mu.Lock()
		nth := 0
		for _, before := range r.seen {
			if before.method == s.method {
				nth++
			}
		}
		r.seen = append(r.seen, s)
		r.mu.Unlock()
		if !r.answer(s, nth)(c, r.done) {
			return
		}
	}
}

// calls are the requests that arrived, all or those of one method.
func (r *rogue) calls(method string) []seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []seen
	for _, s := range r.seen {
		if method == "" || s.method == method {
			out = append(out, s)
		}
	}
	return out
}

// raw is an answer byte for byte, after which the connection lives on.
func raw(text string) reply {
	return func(w io.Writer, _ <-chan struct{}) bool {
		_, err := io.WriteString(w, text)
		return err == nil
	}
}

// cut is an answer byte for byte, after which the connection is dropped.
func cut(text string) reply {
	return func(w io.Writer, _ <-chan struct{}) bool {
		io.WriteString(w, text) //nolint:errcheck // dropped either way
		return false
	}
}

// status is a complete answer; headers are whole lines.
func status(code int, body string, headers ...string) reply {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", code, http.StatusText(code))
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return raw(b.String())
}

func ok(body string) reply { return status(200, body) }

// never says nothing until the client leaves.
func never(w io.Writer, _ <-chan struct{}) bool {
	io.Copy(io.Discard, w.(io.Reader)) //nolint:errcheck // ends when the client leaves
	return false
}

// then says something, and no more until the client leaves.
func then(text string) reply {
	return func(w io.Writer, until <-chan struct{}) bool {
		io.WriteString(w, text) //nolint:errcheck // the client may have left
		return never(w, until)
	}
}

// taskName is a console task's, as the help page has it.
const taskName = "[Response][KUMA] getFile - 2026-11-25 09:00:00 - 195"

// wellBehaved answers each method as the reference shows.
func wellBehaved(s seen, _ int) reply {
	switch s.method {
	case "Session.StartSession":
		return ok(`{"PxgRetVal":"` + sessionID + `"}`)
	case "HostGroup.FindHosts", "HostGroup.FindIncidents":
		return ok(`{"strAccessor":"ua1eizhXcYqZUuv64j8yB1","PxgRetVal":1}`)
	case "ChunkAccessor.GetItemsChunk":
		return ok(`{"pChunk":{"KLCSP_ITERATOR_ARRAY":[{"type":"params","value":{` +
			`"KLHST_WKS_HOSTNAME":"` + hostID + `","KLHST_WKS_DN":"PC-12","KLINCDT_ID":4711}}]},"PxgRetVal":1}`)
	case "HostGroup.GetHostInfo":
		return ok(`{"PxgRetVal":{"KLHST_WKS_HOSTNAME":"` + hostID + `","KLHST_WKS_DN":"PC-12","KLHST_WKS_STATUS":29}}`)
	case "HostGroup.GetStaticInfo":
		return ok(`{"PxgRetVal":{"KLADMSRV_PRODUCT_FULL_VERSION":"15.2.0.0"}}`)
	case "HostGroup.AddIncident":
		return ok(`{"PxgRetVal":4711}`)
	case "ConEvents.IsAnyServiceConsoleAvailable":
		return ok(`{"PxgRetVal":true}`)
	case "Tasks.GetAllTasksOfHost":
		return ok(`{"PxgRetVal":["195","196"]}`)
	case "Tasks.GetTask":
		return ok(`{"PxgRetVal":{"TASK_UNIQUE_ID":"195","DisplayName":"` + taskName + `","PRTS_TASK_CREATION_DATE":{"type":"datetime","value":"2026-11-25T09:00:00Z"}}}`)
	case "Tasks.GetTaskStatistics":
		return ok(`{"PxgRetVal":{"1":0,"2":0,"4":1,"8":0,"16":0,"32":0,"64":0,"GNRL_COMPLETED_PERCENT":100,"KLTSK_NEED_RBT_CNT":0}}`)
	case "Tasks.ResetHostIteratorForTaskStatus", "Tasks.ResetHostIteratorForTaskStatusEx":
		return ok(`{"strHostIteratorId":"i1"}`)
	case "Tasks.GetHostStatusRecordRange":
		return ok(`{"PxgRetVal":1,"pParHostStatus":{"statuses":[{"type":"params","value":{"hostname":"` + hostID + `","state_code":4,"completed_percent":100,"state_descr":""}}]}}`)
	case "Tasks.GetTaskHistory", "EventProcessingFactory.CreateEventProcessingForHost2":
		return ok(`{"strIteratorId":"i2"}`)
	case "EventProcessing.GetRecordRange":
		return ok(`{"pParamsEvents":{"KLEVP_EVENT_RANGE_ARRAY":[{"type":"params","value":{"event_id":1,"event_type":"KLPRCI_TaskState","task_display_name":"` + taskName + `","task_new_state":4,` +
			`"rise_time":{"type":"datetime","value":"2026-11-25T09:00:00Z"}}}]}}`)
	case "HostGroup.GetHostTasks":
		return ok(`{"PxgRetVal":"o1"}`)
	case "HostTasks.GetNextTask":
		return ok(`{"pTaskData":{"TASK_UNIQUE_ID":"195","TASKID_PRODUCT_NAME":"KES","TASKID_VERSION":"12.9.0.0","TASK_INFO_PARAMS":{"type":"params","value":{"DisplayName":"` + taskName + `"}}}}`)
	case "SrvView.ResetIterator":
		return ok(`{"wstrIteratorId":"i3"}`)
	case "SrvView.GetRecordRange":
		return ok(`{"pRecords":{"KLCSP_ITERATOR_ARRAY":[{"type":"params","value":{"strTask":"195","txtDisplayName":"` + taskName + `","nState":4}}]}}`)
	}
	return ok(`{}`)
}

// except is wellBehaved but for one method.
func except(method string, bad reply) func(seen, int) reply {
	return func(s seen, nth int) reply {
		if s.method == method {
			return bad
		}
		return wellBehaved(s, nth)
	}
}
