//! The vocabulary of the seeded catalogue.

/// A class of characters and the words its builds are made of.
pub struct ClassWords {
    /// The class' id, as in `/classes/warden`.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it does in a party.
    pub role: &'static str,
    /// A few sentences about it.
    pub description: &'static str,
    /// Least points in might, agility, focus, vigor and luck; 46 together.
    pub leaning: [i64; 5],
    /// What its builds are called.
    pub nouns: [&'static str; 6],
    /// The skills its builds choose from.
    pub skills: [&'static str; 10],
}

/// All classes, in the order in which they are shown.
pub const CLASSES: [ClassWords; 8] = [
    ClassWords {
        id: "warden",
        name: "Warden",
        role: "tank",
        description: "Wardens hold the line. They turn blows into momentum, shelter the party \
                      behind living bark and stone, and are hardest to move when all seems lost.",
        leaning: [10, 5, 6, 16, 9],
        nouns: ["Bulwark", "Sentinel", "Oakguard", "Aegis", "Gatekeeper", "Rampart"],
        skills: [
            "Stonehide",
            "Rooted Stance",
            "Shield Oath",
            "Bramble Wall",
            "Earthen Grasp",
            "Last Bastion",
            "Thornmail",
            "Watchful Eye",
            "Tremor",
            "Heartwood",
        ],
    },
    ClassWords {
        id: "arcanist",
        name: "Arcanist",
        role: "caster",
        description: "Arcanists bend raw magic into exact shapes. Slow to start and terrible to \
                      behold, they reward players who plan three casts ahead.",
        leaning: [4, 7, 17, 8, 10],
        nouns: ["Spellwright", "Astrologer", "Runecaller", "Starweaver", "Oracle", "Savant"],
        skills: [
            "Comet Shard",
            "Mirror Image",
            "Ley Surge",
            "Frost Lattice",
            "Arc Flare",
            "Counterspell",
            "Glyph of Binding",
            "Starfall",
            "Mana Siphon",
            "Blink",
        ],
    },
    ClassWords {
        id: "ranger",
        name: "Ranger",
        role: "marksman",
        description: "Rangers win before the fight begins: traps on the path, the wind at their \
                      back and one arrow for each problem.",
        leaning: [8, 16, 8, 6, 8],
        nouns: ["Strider", "Deadeye", "Trapper", "Windchaser", "Falconer", "Pathfinder"],
        skills: [
            "Piercing Shot",
            "Snare Trap",
            "Hawk's Call",
            "Windstep",
            "Volley",
            "Camouflage",
            "Barbed Arrow",
            "Hunter's Mark",
            "Tumble",
            "Quiver of Ash",
        ],
    },
    ClassWords {
        id: "shade",
        name: "Shade",
        role: "assassin",
        description: "Shades live between two heartbeats. Fragile, patient and very fast, they \
                      end the fights that others would have to survive.",
        leaning: [9, 15, 6, 5, 11],
        nouns: ["Nightblade", "Phantom", "Cutpurse", "Whisper", "Duskwalker", "Stalker"],
        skills: [
            "Backstab",
            "Smoke Veil",
            "Poisoned Edge",
            "Shadowstep",
            "Garrote",
            "Feint",
            "Deathmark",
            "Fan of Knives",
            "Vanish",
            "Bleeding Cut",
        ],
    },
    ClassWords {
        id: "cleric",
        name: "Cleric",
        role: "healer",
        description: "Clerics keep everyone standing. Their best fights look uneventful, which \
                      is the highest praise a healer can be given.",
        leaning: [6, 5, 14, 11, 10],
        nouns: ["Lightbearer", "Almoner", "Hospitaller", "Hymnist", "Confessor", "Beacon"],
        skills: [
            "Mending Light",
            "Sanctuary",
            "Blessed Steel",
            "Rebuke",
            "Halo",
            "Martyr's Bond",
            "Dawn Chorus",
            "Purify",
            "Censer Swing",
            "Second Breath",
        ],
    },
    ClassWords {
        id: "berserker",
        name: "Berserker",
        role: "bruiser",
        description: "Berserkers trade health for damage and ask for more of both. Every wound \
                      is a resource; the skill is in knowing when to stop.",
        leaning: [17, 8, 3, 11, 7],
        nouns: ["Reaver", "Bonebreaker", "Wrathborn", "Skullsplitter", "Marauder", "Juggernaut"],
        skills: [
            "Cleave",
            "Blood Price",
            "War Cry",
            "Leap Slam",
            "Rend",
            "Undying Rage",
            "Skull Crack",
            "Whirlwind",
            "Battle Trance",
            "Iron Jaw",
        ],
    },
    ClassWords {
        id: "tinkerer",
        name: "Tinkerer",
        role: "engineer",
        description: "Tinkerers bring a workshop to a sword fight. Turrets, flasks and clever \
                      springs do the work, provided that somebody remembered to wind them.",
        leaning: [6, 9, 13, 7, 11],
        nouns: ["Cogsmith", "Alchemist", "Demolisher", "Clockmaker", "Inventor", "Gunsmith"],
        skills: [
            "Spring Turret",
            "Volatile Flask",
            "Grapple Line",
            "Overcharge",
            "Shrapnel Charge",
            "Repair Drone",
            "Oil Slick",
            "Tesla Coil",
            "Rocket Boots",
            "Dead Man's Switch",
        ],
    },
    ClassWords {
        id: "summoner",
        name: "Summoner",
        role: "controller",
        description: "Summoners never fight alone. They bargain with old things under the hill, \
                      and keep careful count of what they have promised.",
        leaning: [3, 6, 15, 9, 13],
        nouns: ["Bindcaller", "Pactkeeper", "Gravetender", "Broodmother", "Shepherd", "Conduit"],
        skills: [
            "Raise Thrall",
            "Spirit Wolf",
            "Bone Cage",
            "Soul Tether",
            "Swarm",
            "Pact of Ash",
            "Wisp Lantern",
            "Sacrifice",
            "Elder Root",
            "Twin Shades",
        ],
    },
];

/// Given names of users.
pub const FIRST_NAMES: [&str; 32] = [
    "Ayla", "Bram", "Corin", "Dara", "Edda", "Fenn", "Greta", "Hollis", "Imre", "Juno", "Kael",
    "Lio", "Mirela", "Nils", "Odette", "Piet", "Quill", "Rhea", "Soren", "Tamsin", "Ulla", "Vesna",
    "Wren", "Xanthe", "Yorick", "Zofia", "Anouk", "Bruno", "Cleo", "Dmitri", "Esme", "Farid",
];

/// Family names of users.
pub const LAST_NAMES: [&str; 24] = [
    "Thornwood",
    "Ashdown",
    "Kestrel",
    "Marlowe",
    "Vance",
    "Hartigan",
    "Okoro",
    "Lindqvist",
    "Bellamy",
    "Castellan",
    "Drake",
    "Evermore",
    "Fairweather",
    "Grimaldi",
    "Halloway",
    "Ibarra",
    "Juneau",
    "Kovac",
    "Larkspur",
    "Moreau",
    "Nightingale",
    "O'Dell",
    "Pryce",
    "Quintero",
];

/// How titles begin.
pub const EPITHETS: [&str; 24] = [
    "Frostbound",
    "Ashen",
    "Gilded",
    "Silent",
    "Ironclad",
    "Moonlit",
    "Restless",
    "Hollow",
    "Emerald",
    "Stormborn",
    "Patient",
    "Crimson",
    "Wandering",
    "Unbroken",
    "Sunken",
    "Radiant",
    "Thorned",
    "Feral",
    "Runic",
    "Twilight",
    "Reckless",
    "Ancient",
    "Veiled",
    "Merciful",
];

/// Where titles end.
pub const PLACES: [&str; 18] = [
    "Northern Reach",
    "Glass Desert",
    "Drowned City",
    "Amber Court",
    "Last Lantern",
    "Salt Road",
    "Broken Crown",
    "Winter Gate",
    "Hanging Gardens",
    "Deep Archive",
    "Red Marsh",
    "Tall Grass",
    "Seventh Bell",
    "Quiet Sea",
    "Burning Orchard",
    "Long Night",
    "Old Mint",
    "Raven Stair",
];

/// Patterns of summaries.
pub const SUMMARIES: [&str; 10] = [
    "The {role} that opens with {a} and never gives the initiative back.",
    "{a} and {b} carry this {class} through every boss before the third gate.",
    "Built for two: your partner bursts, you keep {a} up and the exits closed.",
    "An easy start as {class}: three buttons, one plan, and room for mistakes.",
    "Everything into {a}. It is greedy, it is loud, and it works.",
    "The speed-run staple: chain {a} into {b} and skip what you can.",
    "For patient players, a {class} that wins long fights with {b} and good footwork.",
    "For solo climbs: {a} to start, {c} to survive, {b} to finish.",
    "What happens when {class}s take {c} seriously. Surprisingly sturdy.",
    "Cheap enough for a new season: no item in it costs more than a night's farming.",
];

/// Patterns of a guide's first paragraph.
pub const OPENINGS: [&str; 6] = [
    "Level with {a} alone until the second gate, then add {b}. The points before that are worth \
     more in survival than in damage, whatever the numbers on the tooltip say.",
    "This {class} started as a joke about {c} and ended as the build I take everywhere. It asks \
     for attention in the first ten seconds of a fight and is relaxed afterwards.",
    "Open every fight from a distance. {a} has to land first; without it the rest of the plan is \
     merely expensive.",
    "Read the room before you commit: if there are more than four enemies, begin with {c}, \
     otherwise go straight to {a}.",
    "Most {class} guides tell you to ignore {b}. Don't: with enough points it resets often \
     enough to be your main source of everything.",
    "I have played this as the only {role} in a party of five and as a second. It is better as \
     a second, and perfectly fine as the only one.",
];

/// Patterns of a guide's second paragraph.
pub const ROTATIONS: [&str; 6] = [
    "Rotation: {a}, {b}, wait a beat, {c}. The pause matters, because {c} counts what {b} left \
     behind. When in doubt, repeat {a} and move.",
    "Keep {b} running at all times and use {a} whenever it is ready. {c} is for emergencies; \
     learn to hold it one second longer than feels right.",
    "{c} first, from behind if you can. Then {a} twice, and {b} as they turn. If they do not \
     turn, you are already winning.",
    "There is no rotation. There is {a}, there is fear, and there is {b} when it goes wrong.",
    "Count to three between {a} and {b}. On bosses, save {c} for the second phase: that is where \
     runs end.",
    "Weave {b} between basic attacks. Never cast {c} at full health, it is wasted there.",
];

/// Patterns of a guide's last paragraph.
pub const GEAR: [&str; 6] = [
    "Gear: anything with vigor until you stop dying, then anything with a multiplier to {a}.",
    "Two cheap rings and a good night's sleep. Spend gold on the belt, it changes {b} entirely.",
    "The set from the third gate is enough. Replace the gloves once {c} feels slow.",
    "Do not chase luck. It looks good on the sheet and does nothing for {a}.",
    "Swap the amulet before bosses: the one that shortens {c} is worth the bag space.",
    "Runes in order of importance: haste, echo, and then whatever makes {b} wider.",
];
