"""What is said in the material: by somebody who wants the word, and by somebody who listens.

The sentences and remarks of the development sets are read from the corpus; those of the held-out set are refused.
"""

import random
import re
from pathlib import Path

CORPUS = Path(__file__).parent.parent / "corpus"

# Only the first words are heard before the verdict: they have to differ more than what follows.
BEGINNINGS = """
I would like to|I wanted to|I just need to|I am trying to|I can not really|I do not think|I never said|I was told that|I think we should|I'd rather
I'm not sure that|I've been told|I have already|I know that but|I see but|I thought that|I will not|I hope that|we were going to|we have to|we'd like
we don't want|we do have|you said that|you told me|you should know that|you're not listening|you could also|you know what|he was here|he said he would
she wants to|she already has|they were supposed to|they told us|it was not|it is not that|it does not|it's the other one|that is not|that's not what
that was last year|that would be|that sounds wrong|this is about|this can not be|these are not|those were for|there was a|there should be|there are some
here is the thing|how am I|how often do|how much more|how far is|how about the|how do I|how can that be|when do you|when was that|when will the
where do I|where does it|where can we|where exactly|what about the|what if we|what is the|what are you|what kind of|what does that mean|what should I
why is it|why do we|why not just|why can't I|who is going to|who sent you|who should I|which one is|which day was|whose fault is|can we|can you
can I just|can't you|could I|could you maybe|could somebody|would it be|would you|wouldn't it|will there be|will it|won't that|shall we|should we
should I|may I ask|might I|must I|do we have|do they|does the price|does anybody|did you|did somebody|didn't we|don't forget|doesn't matter to me
is it true|is that the|is there any|isn't that|are there|are we|aren't you|was there|were you|has it|have you|haven't we|had I known|am I|let me just
let us|let's say|please do not|please send|please wait until|please tell|tell him|tell them|give us|give it to|get me|go on without|come back|call my
look I|look at the|listen I|listen to me|wait I|wait until|wait for|stop the|stop talking|hold the|hang on I|hello I|hello can you|hi this is|hey you
sorry but|sorry I|sorry can you|excuse me but|pardon me I|no I|no that's|no it's not|no we don't|no wait|no thanks I|not today|not before|not with me
nothing of that|nobody ever|never again|none of them|neither of us|yes but|yes I|yes and|yes we|yeah but|yeah I|yeah and then|yeah that's not|yep but
okay but|okay so|okay I|okay then|okay and what|right but|right so|right I|sure but|sure I|good but|good then|fine but|fine then|well I|well actually
well that|um I|um can|uh I|uh what|er no|oh I|oh but|oh wait|oh no|ah but|ah I|hm I|hmm but|mm but I|aha so|so what|so I|so you|so when|but I|but what
but that|but you|but when|and what|and I|and then|and how|or we|or maybe|because I|because the|if I|if you|if it's|unless you|until then|before you
before that|after the|after that I|since when|while you|although I|even if|even my|only if|only the|just a|just tell|just send|maybe I|maybe we|perhaps we
actually I|actually no|actually the|honestly I|frankly that|really I|really because|really but|all right I|all right so|all right then|exactly but
exactly and|great but|great and|true but|true I|cool but|nice but|wow but|got it but|I see so|first I|first of all|second I|at first|at least|at what
in that case|in the morning|in two weeks|on Monday|on the|for how long|for whom|from when|with my|with what|without the|by the way|by when|about the
to whom|of what|my wife|my phone|my number|my boss|my account|mine was|your colleague|your letter|your company|our house|our son|his name|her address
their office|the bill|the last|the card|the order|the man|the problem|the other|a friend|a week|an hour|an email|another|any other|anyone|anything else
some of|somebody|something|sometimes|everything|everyone|every time|each of|both of|many|most of|more than|much|less than|few|two of|three|four|six
seven|eight|ten|eleven|twelve|twenty|thirty|a hundred|zero|double|half past|quarter to|Monday|Tuesday|Wednesday|Saturday|Sunday|March|April|August
October|today|tomorrow|tonight|yesterday|later|last time|next month|this morning|this week|soon|now I|now that|once more|again|always|usually|already
Mister Brown|Missis Jones|Anna|Michael|Susan|David|London|doctor|mother|dad|people|money|kitchen|business|credit|delivery|payment|insurance|invoice
thanks but|thank you I|thank God|cancel|change the|check the|charge|choose|put it|pick|pay|press|bring|buy|book|keep|leave|make|move|open|read|repeat
remember|remove|return|say that|see if|sell|send|show|sign|speak|spell|start|take|talk|think|transfer|try|turn|use|write|explain|forget|help me|imagine
""".replace("\n", "|").split("|")

ENDINGS = """
know when it comes|ask about the other one|have it by the end of the week|talk to someone about this|get my money back|change the date|do it next time
be at home then|see it first|pay for it now|understand that|the one from last month|a smaller one|go there on foot|the old address|a new contract
in the afternoon|before the weekend|after eight|as soon as possible|once a year|with the car|for my parents|from the shop|at the station|over there
is wrong|was broken|works again|costs too much|takes too long|has to wait|never came|does not fit|would be better|is what I need|is all I want
because we are moving|if that is possible|unless it rains|until my brother is back|when the children are asleep|which nobody told me|that I ordered
and it is urgent|and nobody answers|or is that too late|so we can leave|but not today|please|instead|any more|at all|right away|by mail
""".replace("\n", "|").split("|")

REMARKS = """
yeah|yes|yep|yup|okay|ok|right|sure|good|great|fine|nice|cool|true|wow|oh|ah|aha|hm|hmm|mm|mhm|uh-huh|I see|got it|I know|exactly|really|all right
oh okay|oh yes|oh yeah|oh really|ah okay|ah yes|mm yes|yes yes|yeah yeah|okay okay|right right|ah right|oh right|oh good|oh no|oh wow|very good
sounds good|that's right|I do|I am|it is|indeed|correct|lovely|super|awesome|amazing|wonderful|brilliant|excellent|certainly|clearly|totally
definitely|absolutely|no way|go on|go ahead|makes sense|good point|fair enough|understood|agreed|amen|hooray|bravo|thanks|thank you|please|no|nope
nah|never|maybe|perhaps|well|so|and|but|hey|hi|hello|hah|hoh|huh|eh|ow|oops|ooh no|aw|yay|yo|ya|ay|aye|jeez|gee|man|boy|dude|same|fun|sad|bad|wild
interesting|funny|crazy|tomorrow|Monday|seven|eleven|water|doctor|better|later|ready|happy|sorry|already|again|today|quite so|just so|quite right
so true|how nice|how funny|my god|good god|dear me|of that|I think|I guess|I hope so|I do too|me too|you too|not bad|well well|there there|now now
uh|um|er|erm|uh oh|oh oh|oh my|ah ah|hm hm|mm mm|mhm mhm|yeah right|yes sir|yes ma'am|okay good|okay great|okay then|okay sure|good good|fine fine
""".replace("\n", "|").split("|")

# In espeak-ng's phonemes.
HUMS = "mh'm:|m@hm'm|m'hm|hm:|@h'm:|mm'm|m:|@'hV|n'&:|h'Vh|mhm|m'mhm|o:|mh'm|m'm:|@h'a|'m:hm|@:m|V:|A:|'aha|m'm|n:h'n|@h'@|VhV:|m@h'm|e:|'O:|u:|'m@m|@m|V'm:|h'A:|h'm".split("|")

LAUGHS = "ha ha ha ha|hahaha|he he he he|hee hee hee|ho ho ho|heh heh|hah hah hah hah|hehehehe|hu hu hu hu|ah ha ha ha ha".split("|")
PHONED_LAUGHS = "h'ah'ah'ah'a|h@h@h@h@|hEhEhEhE|h'ihihihi|hVhVhVhVhV|mhmhmhm|'ah@h@h@|hohoho|h'&h&h&h&|n@hhn@hhn@hh".split("|")


def strings_of(file, field):
    """The strings of one list in a corpus file."""
    source = re.sub(r"\\\n\s*", "", (CORPUS / file).read_text())
    block = re.search(rf"    {field}: &\[(.*?)\],\n", source, re.S).group(1)
    found = re.findall(r'"((?:[^"\\]|\\.)*)"', block)
    return found[::2] if field == "remarks" else found


def of_corpus(field, files=("built_on.rs", "held_before.rs")):
    return [text for file in files for text in strings_of(file, field)]


def kinds_of(file):
    """The throats, noises and tunes of a corpus file."""
    return re.findall(r"(?:Throat|Bang|Tune)::(\w+)", (CORPUS / file).read_text())


def plain(text):
    return re.sub(r"[^a-z ]", "", text.lower()).strip()


def refused(field):
    return {plain(text) for text in strings_of("held_out.rs", field)}


def sentences(count, dice=random.Random(5)):
    """Sentences of the development sets, and made ones."""
    out = of_corpus("interruptions")
    held = refused("interruptions")
    while len(out) < count:
        text = f"{dice.choice(BEGINNINGS).strip()} {dice.choice(ENDINGS).strip()}"
        if plain(text) not in held:
            out.append(text)
    return out


def remarks():
    """Remarks as text and as phonemes; frequent ones stand more often."""
    held = refused("remarks")
    texts = of_corpus("remarks") * 3 + REMARKS + [text.capitalize() + "." for text in REMARKS]
    texts += [f"[[{hum}]]" for hum in HUMS] * 2
    hums = {text for text in strings_of("held_out.rs", "remarks") if text.startswith("[[")}
    return [t for t in texts if t not in hums and (t.startswith("[[") or plain(t) not in held)]
