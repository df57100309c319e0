"""The API server.

credentials     where it is and who we are; the only importer of `kubernetes`
client          what is asked of it, with its failures as own types (`errors`); session: one
                request and its answer; gate: writes only while we lead
resources       names of what is asked for; rights: what a process does with it
views           a resource seen through another version than the code is written for
shapes          what is kept of an object
fields          which fields of a desired object the live one lacks; contradictions: what in it
                has to go, by the facts about its kind (`schemas`); managedfields: how it goes
sentences       the server's messages, in one line
"""
