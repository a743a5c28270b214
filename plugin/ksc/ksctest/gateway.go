package ksctest

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// gatewayKeyLife is how long a key of PrepareGatewayConnection is good, once (KSCAPI a00478).
const gatewayKeyLife = 60 * time.Second

// gate leads to the Network Agent of a host. It closes with the session or connection that prepared it (KSCAPI a00608).
type gate struct {
	host   string
	closed bool
}

type gatewayKey struct {
	gate  *gate
	until time.Time
}

// gatewayMethods are the way to a host's Agent, and what is asked of it there. NagHstCtl is the Agent's: through a gateway
// it and Session are all there is, and elsewhere it is unknown. That is judgement, not confirmed against a live KSC.
func gatewayMethods() map[string]method {
	return map[string]method{
		"CgwHelper.GetNagentLocation":                {[]arg{{"wsHostName", kindText, must}}, getAgentLocation},
		"GatewayConnection.PrepareGatewayConnection": {[]arg{{"pLocations", kindArray, must}}, prepareGateway},
		"NagHstCtl.GetHostRuntimeInfo":               {[]arg{{"pFilter", kindParams, must}}, getHostRuntime},
		"NagHstCtl.SendTaskAction": {[]arg{
			{"szwProduct", kindText, must},
			{"szwVersion", kindText, must},
			{"szwTaskStorageId", kindText, must},
			{"nTaskAction", kindInt, must},
		}, sendTaskAction},
	}
}

// reachable says whether a method is there on the side that the caller has come to.
func (c *call) reachable(name string) bool {
	class, _, _ := strings.Cut(name, ".")
	if c.gate != nil {
		return isAgents(class) || class == "Session"
	}
	return !isAgents(class)
}

func isAgents(class string) bool { return class == "NagHstCtl" }

// location is where a host's Agent is. Its members are made up, and of several types: a client has to pass it on unchanged.
func location(host string) row {
	return row{
		"CGW_HOST": host, "CGW_PORT": 13000, "CGW_DIRECT": true,
		"CGW_KEY":  wrap("binary", base64.StdEncoding.EncodeToString([]byte("agent of "+host))),
		"CGW_PATH": wrap("params", row{"CGW_PRODUCT": "1103"}),
	}
}

// getAgentLocation: that a host which is away has none, and how that is said, is judgement.
func getAgentLocation(c *call) (answer, error) {
	c.advance()
	id := c.text("wsHostName")
	if _, err := c.host(id); err != nil {
		return nil, err
	}
	if c.away(id) {
		return nil, unavailable(0, "the host is away")
	}
	return answer{"PxgRetVal": location(id)}, nil
}

// prepareGateway takes a chain of one location: this server has none below it. Which error says otherwise is judgement.
func prepareGateway(c *call) (answer, error) {
	list, _ := c.args["pLocations"].([]any)
	if len(list) != 1 {
		return nil, badFormat("pLocations holds %d locations, and here one leads to the Agent", len(list))
	}
	kind, given := unwrap(list[0])
	m, _ := given.(row)
	host, _ := m["CGW_HOST"].(string)
	if kind != "params" || !sameJSON(m, location(host)) {
		return nil, badFormat("pLocations holds no location that GetNagentLocation gave")
	}
	if _, err := c.host(host); err != nil {
		return nil, err
	}
	c.sweep()
	g := &gate{host: host}
	if c.owner != accountOwner { // which nothing ends
		c.gates[c.owner] = append(c.gates[c.owner], g)
	}
	key := c.newID()
	c.gatewayKeys[key] = gatewayKey{g, time.Now().Add(gatewayKeyLife)}
	return answer{"wstrAuthKey": key}, nil
}

func sameJSON(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

// passGate uses a key up, and gives what it opens; nil where it opens nothing.
func (s *Server) passGate(key string) *gate {
	k, made := s.gatewayKeys[key]
	delete(s.gatewayKeys, key)
	if !made || k.gate.closed || !time.Now().Before(k.until) {
		return nil
	}
	return k.gate
}

// closeGates shuts what an owner prepared.
func (s *Server) closeGates(owner string) {
	for _, g := range s.gates[owner] {
		g.closed = true
	}
	delete(s.gates, owner)
}

// agentTasks are the console tasks of the host behind the gate, while it is there.
func (c *call) agentTasks() ([]*consoleTask, error) {
	tasks := c.localTasks(c.gate.host)
	if c.away(c.gate.host) {
		return nil, unavailable(0, "the host is away")
	}
	return tasks, nil
}

// getHostRuntime knows the section of console tasks, in the layout that the vendor's sample reads. That an Agent lists also
// those which are at their end, and none of its group, is judgement.
func getHostRuntime(c *call) (answer, error) {
	tasks, err := c.agentTasks()
	if err != nil {
		return nil, err
	}
	filter, _ := c.args["pFilter"].(row)
	section, asked := filter["klhst-rt-TskInfo"]
	if !asked {
		return answer{"PxgRetVal": row{}}, nil
	}
	_, bare := unwrap(section)
	wanted, _ := bare.(row)
	products := row{}
	if name, given := wanted["klhst-ProductName"]; !given || name == taskProduct {
		list := []any{}
		for _, t := range tasks {
			list = append(list, wrap("params", row{"taskStorageId": t.ID, "taskState": t.newState()}))
		}
		products[taskProduct] = wrap("params", row{"klhst-rt-TskArray": list})
	}
	return answer{"PxgRetVal": row{"klhst-rt-TskInfo": wrap("params", products)}}, nil
}

// actionStart is the one action whose number is known. Others are accepted, and nothing comes of them.
const actionStart = 5

func sendTaskAction(c *call) (answer, error) {
	tasks, err := c.agentTasks()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(tasks, func(t *consoleTask) bool { return t.ID == c.text("szwTaskStorageId") })
	if i < 0 || c.text("szwProduct") != taskProduct || c.text("szwVersion") != c.taskVersion(c.gate.host) {
		return nil, notFound("task " + c.text("szwTaskStorageId"))
	}
	if c.number("nTaskAction") == actionStart {
		c.startTask(tasks[i])
	}
	return answer{}, nil
}

// startTask runs a console task now, whatever it waited for and however it had ended. One that runs goes on.
func (s *Server) startTask(t *consoleTask) {
	now := s.now()
	if t.state() == stateRunning || t.stuck {
		return
	}
	if len(t.course) == 0 { // of State, or put by hand
		t.delay, t.outcome = s.course.Delay, s.course.end()
	}
	t.course = slices.DeleteFunc(t.course, func(m moment) bool { return m.at.After(now) })
	t.course = append(t.course, moment{at: now, state: stateRunning})
	t.proceed(now)
	t.settle(now)
}
