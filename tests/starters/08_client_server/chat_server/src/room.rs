//! Who is in the room, and who is told what.

// TODO (step 3): keep everybody who is here, so that every message reaches all others as
// the line [NAME] TEXT.

// TODO (step 3): tell the others who comes and goes: * NAME joined, * NAME left

// TODO (step 5): /name NAME gives a name, once in the room, and /who lists who is here.
