package ksc

// methodErrors are the codes of PxgError, by which a method fails (KSCAPI
// a00337, a00322 and the main page). Of several with one kind the first speaks
// for the kind.
func methodErrors() []Entry {
	return []Entry{
		{
			Module: "KLPRSS", Code: 1125, kind: KindRefused,
			Means:        "An argument, or a value inside one, is missing that the method needs.",
			Remedy:       "kes-respond and this version of KSC do not agree: report it, with KSC's version and the message, which may name what is missing.",
			NotConfirmed: "that KSC names what is missing",
		},
		{
			Module: "KLSTD", Code: 1184, kind: KindDenied,
			Means:        "Access is denied: the account has no right to do this, or not to this object.",
			Remedy:       "The account lacks a right in KSC; grant it in the section Security of the Administration Server, of the host's group or of a role.",
			NotConfirmed: "which right a method needs: see the rights below",
		},
		{
			Module: "KLSTD", Code: 1186, kind: KindNotFound,
			Means:        "KSC holds no such object: no such host, incident, console task or result set.",
			Remedy:       "Check the id or the name in the console: it may have been deleted, or belong to another server (kscVServer).",
			NotConfirmed: "that an object which the account may not see is reported so as well",
		},
		{
			Module: "KLSTD", Code: 1192, kind: KindRefused,
			Means:        "A value has not the form that KSC wants.",
			Remedy:       "kes-respond and this version of KSC do not agree: report it, with KSC's version and the message.",
			NotConfirmed: "which values KSC checks so",
		},
		{
			Module: "KLSTD", Code: 1193, kind: KindDenied,
			Means:        "KSC does not permit this.",
			Remedy:       "KSC does not permit this to the account, or not for this object. Read the message; a right may be missing.",
			NotConfirmed: "whether a right is missing, or nobody may do it",
		},
		{
			Module: "KLSTD", Code: 1195, kind: KindUnavailable,
			Means:        "The Administration Server cannot do it now. Subcode 1: it is starting or stopping; subcode 2: its input and output are suspended.",
			Remedy:       "KSC is starting, stopping or suspended; try again in a minute. Where that goes on look at the service of the Administration Server and at its database.",
			NotConfirmed: "what suspends input and output",
		},
		{
			Module: "KLSTD", Code: 1229, kind: KindLimit,
			Means:        "A limit is exceeded. The subcode is the limit's number, or -1.",
			Remedy:       "KSC reports that a limit is exceeded: look in KSC which, and try again when there is less to do.",
			NotConfirmed: "which limits a response can meet",
		},
		{
			Module: "KLCONN", Code: 1194, kind: KindUnsupported,
			Means:        "There is no such method: this version of KSC does not have it.",
			Remedy:       "Compare KSC's version (kes-respond check shows it) with what the tasks need: 14.2 for Windows, 15.2 for Linux, or newer.",
			NotConfirmed: "which versions lack which of the methods used here",
		},
		{
			Module: "KLOLA", Code: 2351, kind: KindRefused,
			Means:        "The vendor lists this code, and ties it to no method that is used here.",
			Remedy:       "Read the message: it is all that is known.",
			NotConfirmed: "when KSC gives it",
		},
		{
			Module: "KLWAT", Code: 1445, Name: "NO_SUCH_CLIENT", kind: KindSession,
			Means:        "KSC does not know the session that the call named.",
			Remedy:       "A new session is started by itself, once, and that one was not known either: run kes-respond check, and look whether KSC was just restarted or a proxy spreads calls over several servers.",
			NotConfirmed: "how long KSC keeps a session, and how many",
		},
		{
			Module: "KLWAT", Code: 1453, Name: "LOGON_IFAILED", kind: KindLogin,
			Means:        "The login failed.",
			Remedy:       "Check kscUser, kscPassword, kscDomain and kscInternalUser, then run kes-respond check. KSC does not tell a wrong password from a blocked account.",
			NotConfirmed: "whether a wrong password and a blocked account look alike",
		},
		{
			Module: "KLWAT", Code: 1454, Name: "BA_WEB_TOKEN_FAILED", kind: KindLogin,
			Means:        "KSC refused a web token.",
			Remedy:       "kes-respond logs in by password and uses no token. Look whether something between changes the Authorization header, then run kes-respond check.",
			NotConfirmed: "that a login by password can meet it",
		},
		{
			Module: "SPL", Code: 2013, kind: KindLocked,
			Means:        "The account is blocked after too many wrong passwords.",
			Remedy:       "The account is blocked after wrong passwords: unblock it in KSC, then mend the password here before trying again.",
			NotConfirmed: "after how many, for how long, and that it is told so and not as a failed login",
		},
	}
}

// maxStatus is above what is read as an HTTP status.
const maxStatus = 999

// statuses are answers that say no by their HTTP status alone. Which of them
// KSC gives is not documented beyond the session's 403 (KSCAPI a00608). The
// first that fits counts.
func statuses() []Entry {
	const proxies = "that KSC gives it at all: which statuses it uses is not documented, and a proxy may give any"
	const newSession = "kes-respond starts a new session by itself, once, and that one was refused as well: run kes-respond check, which tells login and session apart."
	return []Entry{
		{
			Module: moduleHTTP, Code: 401, Name: "KSCMFA in WWW-Authenticate", header: "KSCMFA", kind: KindSecondFactor,
			Means:        "The account demands a second factor after its password.",
			Remedy:       "Exclude this account from two-step verification in KSC; a program cannot answer it.",
			NotConfirmed: "the form of this answer: it is known from other people's clients",
		},
		{
			Module: moduleHTTP, Code: 401, kind: KindSession,
			Means:        "KSC does not recognise who calls: at the login, the user or the password is refused.",
			Remedy:       newSession,
			NotConfirmed: "that this is the status of a wrong password: other people's clients go by it",
		},
		{
			Module: moduleHTTP, Code: 403, kind: KindSession,
			Means:        "The session has ended, or KSC refuses the login.",
			Remedy:       newSession,
			NotConfirmed: "that a refused login has this status; that an ended session has it is documented",
		},
		{
			Module: moduleHTTP, Code: 400, Last: 499, kind: KindRefused,
			Means:        "KSC, or something before it, refused the call.",
			Remedy:       "Look for a proxy between, and whether kscHost and kscPort are those of KSC's OpenAPI (13299 unless changed).",
			NotConfirmed: proxies,
		},
		{
			Module: moduleHTTP, Code: 500, Last: maxStatus, kind: KindUnavailable,
			Means:        "The server, or something before it, could not answer.",
			Remedy:       "Try again in a minute. Where that goes on look at the service of the Administration Server, and for a proxy between.",
			NotConfirmed: proxies,
		},
	}
}
