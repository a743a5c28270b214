package ksctest

// limitMethods: IsMethodPresent exists since KSC 15.1 (KSCAPI a00788).
func limitMethods() map[string]method {
	return map[string]method{
		"Limits.IsMethodPresent": {[]arg{
			{"strInstance", kindText, has}, {"strClass", kindText, must}, {"strMethod", kindText, must},
		}, func(c *call) (answer, error) {
			_, ok := c.table[c.text("strClass")+"."+c.text("strMethod")]
			return answer{"PxgRetVal": ok && !isAgents(c.text("strClass"))}, nil
		}},
	}
}
