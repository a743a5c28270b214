package ksctest

import (
	"maps"
	"slices"
)

// Incident is a stored incident under KSC's own attribute names (KSCAPI a00092, a00035).
type Incident struct {
	ID       int64  `json:"KLINCDT_ID"`
	Severity int64  `json:"KLINCDT_SEVERITY"` // 1 information, 2 warning, 3 critical
	Added    string `json:"KLINCDT_ADDED"`    // YYYY-MM-DDTHH:MM:SSZ, as the client wrote it
	Body     string `json:"KLINCDT_BODY"`
	Handled  bool   `json:"KLINCDT_IS_HANDLED"`
	Host     string `json:"KLHST_WKS_HOSTNAME"`
	UserID   *int64 `json:"KLHSTUSER_ID,omitempty"`
}

func incidentMethods() map[string]method {
	id := arg{"nId", kindInt, must}
	data := arg{"pData", kindParams, must}
	return map[string]method{
		"HostGroup.AddIncident":    {[]arg{data}, addIncident},
		"HostGroup.UpdateIncident": {[]arg{id, data}, updateIncident},
		"HostGroup.DeleteIncident": {[]arg{id}, deleteIncident},
		"HostGroup.FindIncidents": {[]arg{
			{"strFilter", kindText, may}, // go-ksc leaves out what is empty
			{"pFieldsToReturn", kindNames, may},
			{"pFieldsToOrder", kindArray, may},
			{"lMaxLifeTime", kindInt, may},
		}, findIncidents},
	}
}

// addIncident needs four attributes and may take two more (KSCAPI a00483). What is absent is 1125, what has the wrong
// form 1192; the second code, the bounds of SEVERITY and the refusal of other attributes are judgement.
func addIncident(c *call) (answer, error) {
	data, _ := c.args["pData"].(row)
	for _, name := range []string{"KLINCDT_SEVERITY", "KLINCDT_ADDED", "KLINCDT_BODY", "KLHST_WKS_HOSTNAME"} {
		if _, ok := data[name]; !ok {
			return nil, missing(name)
		}
	}
	n := &Incident{}
	if err := n.set(data); err != nil {
		return nil, err
	}
	if _, err := c.host(n.Host); err != nil {
		return nil, err
	}
	c.lastID++
	n.ID = c.lastID
	c.incidents[n.ID] = n
	c.awaken(afterAdd, n)
	c.stored()
	c.publish(eventAdded, row{"KLINCDT_ID": n.ID, "KLINCDT_SEVERITY": n.Severity}) // without a type of its own
	return answer{"PxgRetVal": n.ID}, nil
}

// updateIncident demands KLHST_WKS_HOSTNAME though it cannot change it (KSCAPI a00483); that another host than the
// incident's is refused with 1193 is judgement.
func updateIncident(c *call) (answer, error) {
	data, _ := c.args["pData"].(row)
	if _, ok := data["KLHST_WKS_HOSTNAME"]; !ok {
		return nil, missing("KLHST_WKS_HOSTNAME")
	}
	old, err := c.incident()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"KLINCDT_ID", "GNRL_EXTRA_PARAMS", "KLHSTUSER_ID"} {
		if _, ok := data[name]; ok {
			return nil, notPermitted("change of " + name)
		}
	}
	changed := *old
	if err := changed.set(data); err != nil {
		return nil, err
	}
	if changed.Host != old.Host {
		return nil, notPermitted("change of KLHST_WKS_HOSTNAME")
	}
	*old = changed
	c.awaken(afterUpdate, old)
	return answer{}, nil
}

func deleteIncident(c *call) (answer, error) {
	n, err := c.incident()
	if err != nil {
		return nil, err
	}
	delete(c.incidents, n.ID)
	return answer{}, nil
}

// incident is the one to change; the console has acted on it before, where it was due.
func (c *call) incident() (*Incident, error) {
	c.advance()
	if n := c.incidents[c.number("nId")]; n != nil {
		return n, nil
	}
	return nil, notFound("incident")
}

// set takes the attributes over, each with its exact type. The data has been through checkParams.
func (n *Incident) set(data row) error {
	for _, name := range slices.Sorted(maps.Keys(data)) {
		kind, bare := unwrap(data[name])
		text, isText := bare.(string)
		ok := kind == ""
		switch name {
		case "KLINCDT_SEVERITY":
			n.Severity, _ = integer(bare)
			_, isInt := int32Value(bare)
			ok = ok && isInt && n.Severity >= 1 && n.Severity <= 3
		case "KLINCDT_ADDED":
			n.Added, ok = text, kind == "datetime" // whose form has been checked
		case "KLINCDT_BODY":
			n.Body, ok = text, ok && isText
		case "KLHST_WKS_HOSTNAME":
			n.Host, ok = text, ok && isText && text != ""
		case "KLINCDT_IS_HANDLED":
			_, isBool := bare.(bool)
			n.Handled, ok = bare == true, ok && isBool
		case "KLHSTUSER_ID":
			id, isInt := int32Value(bare)
			n.UserID, ok = &id, ok && isInt
		default:
			return badFormat("%s is no attribute that an incident takes", name)
		}
		if !ok {
			return badFormat("%s has the wrong type or form", name)
		}
	}
	return nil
}

func (n *Incident) row() row {
	r := row{
		"KLINCDT_ID": n.ID, "KLINCDT_SEVERITY": n.Severity, "KLINCDT_ADDED": wrap("datetime", n.Added),
		"KLINCDT_BODY": n.Body, "KLINCDT_IS_HANDLED": n.Handled, "KLHST_WKS_HOSTNAME": n.Host,
	}
	if n.UserID != nil {
		r["KLHSTUSER_ID"] = *n.UserID
	}
	return r
}

// findIncidents filters on six attributes and orders by the first four (KSCAPI a00483); attributes of the host may be
// returned along (a00092).
func findIncidents(c *call) (answer, error) {
	columns := []string{"KLINCDT_ID", "KLINCDT_SEVERITY", "KLINCDT_ADDED", "KLINCDT_IS_HANDLED", "KLINCDT_BODY", "KLHST_WKS_HOSTNAME"}
	filter, err := parseFilter(c.text("strFilter"), c.now())
	if err != nil {
		return nil, err
	}
	filter.walk(func(n *node) {
		if !slices.Contains(columns, n.attr) {
			err = badFormat("incidents cannot be filtered by %s", n.attr)
		}
	})
	if err != nil {
		return nil, err
	}
	order, err := c.order("pFieldsToOrder", columns[:4])
	if err != nil {
		return nil, err
	}
	life, err := c.life()
	if err != nil {
		return nil, err
	}
	c.advance() // the console may handle some
	var rows []row
	for _, id := range slices.Sorted(maps.Keys(c.incidents)) {
		n := c.incidents[id]
		r := row{}
		if host, err := c.host(n.Host); err == nil {
			maps.Copy(r, host)
		}
		maps.Copy(r, n.row())
		rows = append(rows, r)
	}
	found, err := search(rows, filter, order, c.names("pFieldsToReturn"))
	if err != nil {
		return nil, err
	}
	return answer{"strAccessor": c.keep(found, life), "PxgRetVal": len(found)}, nil
}
