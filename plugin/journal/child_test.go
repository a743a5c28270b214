package journal

const childEnv = "KES_RESPOND_JOURNAL_CHILD"

func child(string) int { return 0 }
