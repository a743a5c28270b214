package ksctest

func consoleMethods() map[string]method {
	return map[string]method{
		"ConEvents.IsAnyServiceConsoleAvailable": {nil, isAnyConsoleAvailable}, // KSCAPI a00528
		"ConEvents.IsServiceConsoleAvailable": { // KSCAPI a00501; the emulated console, where it is on, serves every product
			[]arg{{"wstrProdName", kindText, must}, {"wstrProdVersion", kindText, must}}, isConsoleAvailable,
		},
		"ConEvents.Subscribe":   {[]arg{{"wstrEvent", kindText, must}, {"pFilter", kindParams, has}}, subscribe}, // KSCAPI a00448
		"ConEvents.UnSubscribe": {[]arg{{"nSubsId", kindInt, must}}, unsubscribe},
		"ConEvents.Retrieve":    {nil, retrieve},
	}
}

func isAnyConsoleAvailable(c *call) (answer, error) {
	return answer{"PxgRetVal": !c.consoleOff || c.servedBy(func(row) bool { return true })}, nil
}

func isConsoleAvailable(c *call) (answer, error) {
	return answer{"PxgRetVal": !c.consoleOff || c.servedBy(func(product row) bool {
		return product[productName] == c.text("wstrProdName") && product[productVersion] == c.text("wstrProdVersion")
	})}, nil
}

// servedBy says whether a client has made itself the service console of such a product by its subscription (KSCAPI a00451).
func (s *Server) servedBy(fits func(product row) bool) bool {
	for owner, l := range s.listeners {
		if !s.lives(owner) {
			continue
		}
		for _, sub := range l.subs {
			if sub.event == eventBackend && fits(sub.filter) {
				return true
			}
		}
	}
	return false
}
