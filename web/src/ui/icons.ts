/** Every icon of the console, by name. Nothing else imports from `lucide-react`. */
export {
  ArrowDown, ArrowLeft, ArrowRight, ArrowUp, AudioLines, Ban, Bell, BookOpen, Bot, Building2, Cable, CalendarClock, ChartNoAxesColumn,
  Check, ChevronDown, ChevronLeft, ChevronRight, ChevronUp, ChevronsUpDown, CircleAlert, CircleCheck, CircleDashed, CircleHelp,
  CirclePause, CircleSlash, CircleStop, CircleX, ClipboardList, Clock, Columns3, Copy, CopyPlus, CornerDownRight, Download, Ellipsis,
  ExternalLink, Eye, EyeOff, FileDown, FileText, FlaskConical, FolderOpen, Funnel, FunnelX, Gauge, GitBranch, Globe, Grip, GripVertical,
  Hand, Hash, Headphones, History, Hourglass, Info, KeyRound, Keyboard, Languages, LayoutDashboard, LayoutGrid, Link2, ListChecks,
  ListFilter, Lock, LogOut, Maximize, Megaphone, Merge, MessageSquare, Mic, MicOff, Minus, Monitor, Moon, OctagonX, Pause, Pencil,
  Phone, PhoneCall, PhoneForwarded, PhoneIncoming, PhoneMissed, PhoneOff, PhoneOutgoing, Play, Plus, Redo2, RefreshCw, RotateCcw, Rows3,
  Rows4, Save, Search, Send, Server, Settings, ShieldCheck, Sparkles, Square, Sun, Trash2, TriangleAlert, Undo2, Unplug, Upload,
  UserCheck, UserMinus, UserPlus, UserX, Users, Voicemail, Volume2, WifiOff, Workflow, Wrench, X, Zap,
} from 'lucide-react'
export type { LucideIcon as Icon } from 'lucide-react'
