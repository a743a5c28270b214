package ksctest

import "time"

// action is an asynchronous search under way. Only the connection that started it may ask for its state, and not sooner
// than it was told to (KSCAPI a00484). It goes with its session, or when its results would have died.
type action struct {
	conn      int
	owner     string
	ready     time.Time
	notBefore time.Time
	rows      []row
	life      int64
}

func asyncMethods() map[string]method {
	id := arg{"strRequestId", kindText, must}
	return map[string]method{
		"HostGroup.FindHostsAsync":                 {findHostsArgs(), findHostsAsync},
		"HostGroup.FindHostsAsyncGetAccessor":      {[]arg{id}, findHostsAsyncGetAccessor},
		"HostGroup.FindHostsAsyncCancel":           {[]arg{id}, findHostsAsyncCancel},
		"AsyncActionStateChecker.CheckActionState": {[]arg{{"wstrActionGuid", kindText, must}}, checkActionState},
	}
}

func findHostsAsync(c *call) (answer, error) {
	rows, life, err := c.hostSearch()
	if err != nil {
		return nil, err
	}
	c.sweep()
	id := c.newID()
	c.actions[id] = &action{conn: c.conn.id, owner: c.owner, ready: time.Now().Add(c.opts.AsyncDelay), rows: rows, life: life}
	return answer{"strRequestId": id}, nil
}

func (c *call) action(argument string) (*action, error) {
	a := c.actions[c.text(argument)]
	if a == nil {
		return nil, notFound("action")
	}
	if a.conn != c.conn.id {
		return nil, denied("an action of another connection")
	}
	return a, nil
}

func checkActionState(c *call) (answer, error) {
	a, err := c.action("wstrActionGuid")
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if now.Before(a.notBefore) {
		return nil, unavailable(0, "asked before the delay told")
	}
	wait := max(0, a.ready.Sub(now))
	done, code := wait == 0, 0
	if done {
		code = 1 // "OK" by the comments of go-ksc; the vendor's client reads the two booleans
	}
	a.notBefore = now.Add(wait)
	return answer{
		"bFinalized": done, "bSuccededFinalized": done, "lStateCode": code, "pStateData": row{},
		"lNextCheckDelay": (wait + time.Millisecond - 1).Milliseconds(),
	}, nil
}

func findHostsAsyncGetAccessor(c *call) (answer, error) {
	a, err := c.action("strRequestId")
	if err != nil {
		return nil, err
	}
	if time.Now().Before(a.ready) {
		return nil, unavailable(0, "the search is not finished")
	}
	return answer{"PxgRetVal": len(a.rows), "strAccessor": c.keep(a.rows, a.life), "pFailedSlavesInfo": row{}}, nil
}

func findHostsAsyncCancel(c *call) (answer, error) {
	if _, err := c.action("strRequestId"); err != nil {
		return nil, err
	}
	delete(c.actions, c.text("strRequestId"))
	return answer{}, nil
}
