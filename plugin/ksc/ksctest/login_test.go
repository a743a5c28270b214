package ksctest

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bare is a client that sends no credentials of its own, as a client does after it has logged in.
func bare(t *testing.T, s *Server) *client {
	c := newClient(t, s)
	c.headers = nil
	return c
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// TestLoginMarksTheConnection: after it calls need nothing, and on another connection they are refused.
func TestLoginMarksTheConnection(t *testing.T) {
	s := start(t, Options{})
	c := bare(t, s)
	g := c.post("HostGroup.AddIncident", incident)
	assert.Equal(t, 401, g.status)
	assert.Equal(t, "Authentication failure", g.text)
	assert.Empty(t, s.Incidents())

	g = c.post("login", "", "Authorization", basic(user, password))
	require.Equal(t, 200, g.status)
	assert.Equal(t, "{}", g.text)
	c.post("HostGroup.AddIncident", incident).ok(t)
	c.post("HostGroup.AddIncident", incident).ok(t)
	assert.Equal(t, 401, bare(t, s).post("HostGroup.AddIncident", incident).status)

	c.http.CloseIdleConnections() // the vendor's client then reconnects silently and is refused
	assert.Equal(t, 401, c.post("HostGroup.AddIncident", incident).status)
	assert.Len(t, s.Incidents(), 2)

	c.post("login", "{}", "Authorization", basic(user, password)).ok(t)
	c.post("HostGroup.AddIncident", incident).ok(t)
	c.post("Session.EndSession", "{}").ok(t)
	assert.Equal(t, 401, c.post("HostGroup.AddIncident", incident).status, "ending it ends the login of the connection")
}

// TestSessionsByID: KSCAPI a00608.
func TestSessionsByID(t *testing.T) {
	s := start(t, Options{})
	c := bare(t, s)
	id, _ := c.post("Session.StartSession", "{}", "Authorization", basic(user, password)).ok(t).(string)
	raw, err := base64.StdEncoding.DecodeString(id)
	require.NoError(t, err)
	assert.Len(t, raw, 16, "an id in the form of the published one")

	assert.Equal(t, 401, c.post("HostGroup.GroupIdGroups", "{}").status, "a session does not mark its connection")
	other := bare(t, s)
	other.post("HostGroup.GroupIdGroups", "{}", "X-KSC-Session", id).ok(t)
	other.post("Session.Ping", "{}", "X-KSC-Session", id).ok(t)

	c.post("Session.EndSession", "{}", "X-KSC-Session", id).ok(t)
	for name, id := range map[string]string{"ended": id, "invented": "nsPbUpP1oAVZlM1lODEbg8A=="} {
		g := other.post("HostGroup.GroupIdGroups", "{}", "X-KSC-Session", id, "Authorization", basic(user, password))
		assert.Equal(t, 403, g.status, name)
		assert.Equal(t, "Forbidden", g.text)
	}
	assert.Equal(t, 401, c.post("Session.StartSession", "{}").status)
	c.post("login", "", "Authorization", basic(user, password)).ok(t)
	id, _ = c.post("Session.StartSession", "{}").ok(t).(string)
	other.post("Session.Ping", "{}", "X-KSC-Session", id).ok(t)
}

func TestSessionsEndWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{SessionIdle: time.Minute})
		c := bare(t, s)
		id, _ := c.post("Session.StartSession", "{}", "Authorization", basic(user, password)).ok(t).(string)
		for range 3 {
			time.Sleep(59 * time.Second)
			c.post("Session.Ping", "{}", "X-KSC-Session", id).ok(t)
		}
		time.Sleep(61 * time.Second)
		assert.Equal(t, 403, c.post("Session.Ping", "{}", "X-KSC-Session", id).status)
	})
}

func TestEndSessionsEndsEveryLogin(t *testing.T) {
	s := start(t, Options{})
	c := bare(t, s)
	c.post("login", "", "Authorization", basic(user, password)).ok(t)
	id, _ := c.post("Session.StartSession", "{}").ok(t).(string)
	s.EndSessions()
	assert.Equal(t, 401, c.post("HostGroup.GroupIdGroups", "{}").status)
	assert.Equal(t, 403, c.post("HostGroup.GroupIdGroups", "{}", "X-KSC-Session", id).status)
	c.post("login", "", "Authorization", basic(user, password)).ok(t)
	c.post("HostGroup.GroupIdGroups", "{}").ok(t)
	assert.Equal(t, 1, s.Calls()[len(s.Calls())-1].Conn, "connections stay")
}

// TestWaysToSayWhoOneIs are the forms of Authorization that known clients send, and forms that none should.
func TestWaysToSayWhoOneIs(t *testing.T) {
	domain, yes := "corp", true
	in := Options{User: user, Password: password, Domain: &domain, Internal: &yes}
	u, p := b64(user), b64(password)
	for _, w := range []struct {
		why, header string
		o           Options
		status      int
	}{
		{"no domain, not internal", `KSCBasic user="` + u + `", pass="` + p + `"`, Options{}, 200},
		{"unquoted internal, as go-ksc writes it", `KSCBasic user="` + u + `", pass="` + p + `", domain="", internal=false`, Options{}, 200},
		{"no blanks", `KSCBasic user="` + u + `",pass="` + p + `"`, Options{}, 200},
		{"domain as it is", `KSCBasic user="` + u + `", pass="` + p + `", domain="corp", internal="1"`, in, 200},
		{"domain in base64", `KSCBasic user="` + u + `", pass="` + p + `", domain="` + b64("corp") + `", internal="1"`, in, 200},
		{"wrong domain", `KSCBasic user="` + u + `", pass="` + p + `", domain="other", internal="1"`, in, 401},
		{"not internal", `KSCBasic user="` + u + `", pass="` + p + `", domain="corp", internal="0"`, in, 401},
		{"internal left out", `KSCBasic user="` + u + `", pass="` + p + `", domain="corp"`, in, 401},
		{"wrong password", basic(user, "other"), Options{}, 401},
		{"wrong user", basic("other", password), Options{}, 401},
		{"no password", `KSCBasic user="` + u + `"`, Options{}, 401},
		{"not in base64", `KSCBasic user="` + user + `", pass="` + password + `"`, Options{}, 401},
		{"not in UTF-8", `KSCBasic user="` + u + `", pass="` + b64("\xff") + `"`, Options{}, 401},
		{"user twice", `KSCBasic user="` + u + `", user="` + u + `", pass="` + p + `"`, Options{}, 401},
		{"an open quote", `KSCBasic user="` + u + `", pass="` + p, Options{}, 401},
		{"a quote in the domain", `KSCBasic user="` + u + `", pass="` + p + `", domain="a"b", internal="0"`, Options{}, 401},
		{"plain Basic", "Basic " + b64(user+":"+password), Options{}, 401},
		{"empty", "KSCBasic", Options{}, 401},
		{"token", "KSCT abc", Options{Tokens: []string{"abc"}}, 200},
		{"web token", "KSCWT abc", Options{Tokens: []string{"abc"}}, 200},
		{"gateway", "KSCGW abc", Options{Tokens: []string{"abc"}}, 200},
		{"another token", "KSCT abd", Options{Tokens: []string{"abc"}}, 401},
		{"NTLM is not offered", "NTLM abc", Options{}, 401},
	} {
		c := bare(t, start(t, w.o))
		for _, method := range []string{"login", "Session.StartSession", "HostGroup.GroupIdGroups"} {
			g := c.post(method, "{}", "Authorization", w.header)
			assert.Equal(t, w.status, g.status, "%s: %s", method, w.why)
			if w.status == 401 {
				assert.Equal(t, "Authentication failure", g.text, w.why)
				assert.Empty(t, g.header.Get("WWW-Authenticate"), w.why)
			}
		}
	}
}

func TestVirtualServers(t *testing.T) {
	c := newClient(t, start(t, Options{VServers: []string{"vksc2"}}))
	for header, status := range map[string]int{"": 200, "x": 200, b64("vksc2"): 200, b64("other"): 401, "vksc2": 401, "=": 401} {
		g := c.post("Session.StartSession", "{}", "X-KSC-VServer", header)
		assert.Equal(t, status, g.status, "X-KSC-VServer: %s", header)
	}
}

// TestSecondFactor is the exchange that two unrelated public clients expect.
func TestSecondFactor(t *testing.T) {
	s := start(t, Options{SecondFactor: "123456"})
	c := bare(t, s)
	first := func() {
		g := c.post("login", "", "Authorization", basic(user, password))
		assert.Equal(t, 401, g.status)
		assert.Equal(t, "Authentication not finished", g.text)
		assert.Contains(t, g.header.Get("WWW-Authenticate"), "KSCMFA")
	}
	assert.Equal(t, 401, c.post("login", "", "Authorization", `KSCMFA totp="123456"`).status, "not before the password")
	first()
	assert.Equal(t, 401, c.post("login", "", "Authorization", `KSCMFA totp="000000"`).status)
	assert.Equal(t, 401, c.post("login", "", "Authorization", `KSCMFA totp="123456"`).status, "a wrong one wants the password again")
	first()
	assert.Equal(t, 401, bare(t, s).post("login", "", "Authorization", `KSCMFA totp="123456"`).status, "on the same connection only")
	c.post("login", "", "Authorization", `KSCMFA totp="123456"`).ok(t)
	c.post("HostGroup.GroupIdGroups", "{}").ok(t)
}

func TestAccountsAreBlocked(t *testing.T) {
	c := bare(t, start(t, Options{LockAfter: 2}))
	wrong := func() got { return c.post("login", "", "Authorization", basic(user, "no")) }
	assert.Equal(t, 401, wrong().status)
	c.post("login", "", "Authorization", basic(user, password)).ok(t) // starts the count anew
	assert.Equal(t, 401, wrong().status)
	assert.Equal(t, 401, wrong().status)
	assert.Equal(t, "SPL 2013 0", pxg(t, wrong()))
	assert.Equal(t, "SPL 2013 0", pxg(t, c.post("login", "", "Authorization", basic(user, password))), "the right one as well")
	c = bare(t, start(t, Options{Locked: true}))
	assert.Equal(t, "SPL 2013 0", pxg(t, c.post("Session.StartSession", "{}", "Authorization", basic(user, password))))
}

func TestTokensLiveForThreeMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{})
		token, _ := newClient(t, s).post("Session.CreateToken", "{}").ok(t).(string)
		c := bare(t, s)
		time.Sleep(3*time.Minute - time.Second)
		c.post("login", "", "Authorization", "KSCT "+token).ok(t)
		time.Sleep(time.Second)
		assert.Equal(t, 401, c.post("login", "", "Authorization", "KSCT "+token).status)
		assert.Equal(t, json.Number("0"), c.post("HostGroup.GroupIdGroups", "{}").ok(t), "the connection is logged in all the same")
	})
}
