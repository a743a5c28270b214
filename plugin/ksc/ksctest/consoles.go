package ksctest

func consoleMethods() map[string]method {
	return map[string]method{
		"ConEvents.IsAnyServiceConsoleAvailable": {nil, isConsoleAvailable}, // KSCAPI a00528
		"ConEvents.IsServiceConsoleAvailable": { // KSCAPI a00501; here every product has its console, or none
			[]arg{{"wstrProdName", kindText, must}, {"wstrProdVersion", kindText, must}}, isConsoleAvailable,
		},
	}
}

func isConsoleAvailable(c *call) (answer, error) {
	return answer{"PxgRetVal": !c.consoleOff}, nil
}
