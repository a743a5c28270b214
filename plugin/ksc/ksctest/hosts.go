package ksctest

func findHostsArgs() []arg {
	return []arg{
		{"wstrFilter", kindText, has},
		{"vecFieldsToReturn", kindNames, has},
		{"vecFieldsToOrder", kindArray, may},
		{"pParams", kindParams, may},
		{"lMaxLifeTime", kindInt, may},
	}
}

func hostMethods() map[string]method {
	host := arg{"strHostName", kindText, must}
	group := func(id int) func(*call) (answer, error) {
		return func(*call) (answer, error) { return answer{"PxgRetVal": id}, nil }
	}
	return map[string]method{
		"HostGroup.FindHosts":         {findHostsArgs(), findHosts},
		"HostGroup.GetHostInfo":       {[]arg{host, {"pFields2Return", kindNames, has}}, getHostInfo},
		"HostGroup.GetHostProducts":   {[]arg{host}, getHostProducts},
		"HostGroup.GroupIdGroups":     {nil, group(0)}, // the numbers are judgement, save that of the first
		"HostGroup.GroupIdUnassigned": {nil, group(1)},
		"HostGroup.GroupIdSuper":      {nil, group(2)},
	}
}

// host looks a host up by its id. Without an inventory every id is known, with the attributes of a healthy host.
func (s *Server) host(id string) (row, error) {
	for _, r := range s.hosts {
		if r["KLHST_WKS_HOSTNAME"] == id {
			return r, nil
		}
	}
	if s.opts.Inventory == nil && id != "" {
		return Host{ID: id}.row(s.now())
	}
	return nil, notFound("host " + id)
}

// candidates are the hosts a filter is tried on: the inventory, or without one a host for each id that the filter names.
func (s *Server) candidates(filter *node) []row {
	if s.opts.Inventory != nil {
		return s.hosts
	}
	var rows []row
	seen := map[string]bool{}
	filter.walk(func(n *node) {
		if n.attr != "KLHST_WKS_HOSTNAME" || n.compare != "=" || n.value.pattern == nil {
			return
		}
		id, ok := n.value.pattern.literal()
		if !ok || seen[id] {
			return
		}
		if r, err := s.host(id); err == nil {
			seen[id], rows = true, append(rows, r)
		}
	})
	return rows
}

// hostSearch is FindHosts up to its rows; FindHostsAsync shares it.
func (c *call) hostSearch() (rows []row, life int64, err error) {
	filter, err := parseFilter(c.text("wstrFilter"), c.now())
	if err != nil {
		return nil, 0, err
	}
	order, err := c.order("vecFieldsToOrder", nil)
	if err != nil {
		return nil, 0, err
	}
	if life, err = c.life(); err != nil {
		return nil, 0, err
	}
	params, _ := c.args["pParams"].(row)
	if v, given := params["KLGRP_FIND_FROM_CUR_VS_ONLY"]; given {
		if _, ok := v.(bool); !ok {
			return nil, 0, badFormat("KLGRP_FIND_FROM_CUR_VS_ONLY is no boolean")
		}
	}
	rows, err = search(c.candidates(filter), filter, order, c.names("vecFieldsToReturn"))
	return rows, life, err
}

func findHosts(c *call) (answer, error) {
	rows, life, err := c.hostSearch()
	if err != nil {
		return nil, err
	}
	return answer{"strAccessor": c.keep(rows, life), "PxgRetVal": len(rows)}, nil
}

func getHostInfo(c *call) (answer, error) {
	r, err := c.host(c.text("strHostName"))
	if err != nil {
		return nil, err
	}
	return answer{"PxgRetVal": pick(r, c.names("pFields2Return"))}, nil
}

func getHostProducts(c *call) (answer, error) {
	id := c.text("strHostName")
	if _, err := c.host(id); err != nil {
		return nil, err
	}
	products := c.products[id]
	if products == nil {
		products, _ = Host{ID: id}.productRow(c.now())
	}
	return answer{"PxgRetVal": products}, nil
}
